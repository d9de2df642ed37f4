"""A client for a part of MLflow's REST API. The official client needs 70 MB and a web framework."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from rag.errors import BadResponse, Misconfigured, NotFound
from rag.http import bearer_header, read_json, require_success, translated_errors
from rag.upstream import Upstream
from service.settings import MlflowSettings

_MLFLOW = Upstream("MLflow server", "RAG_MLFLOW__URI and RAG_MLFLOW__TOKEN")
_MISSING = 404


class MlflowClient:
    """Calls one MLflow server. Raises `Unavailable`, `NotFound` or `BadResponse`."""

    def __init__(self, session: aiohttp.ClientSession, settings: MlflowSettings) -> None:
        if settings.uri is None:
            raise Misconfigured("The address of the MLflow server is missing. Set RAG_MLFLOW__URI.")
        self._session = session
        self._base = f"{str(settings.uri).rstrip('/')}/api/2.0/mlflow"
        self._headers = bearer_header(settings.token)

    async def get(self, path: str, **query: str) -> Mapping[str, Any]:
        return await self._call("GET", path, params=query)

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self._call("POST", path, json=body)

    async def _call(self, method: str, path: str, **content: Any) -> Mapping[str, Any]:
        with translated_errors(_MLFLOW):
            url = f"{self._base}/{path}"
            async with self._session.request(method, url, headers=self._headers, **content) as response:
                if response.status == _MISSING:
                    raise NotFound(f"The MLflow server has no entry for {path}. Check RAG_MLFLOW__URI.")
                await require_success(_MLFLOW, response)
                body = await read_json(_MLFLOW, response)
        if not isinstance(body, dict):
            raise BadResponse("The MLflow server did not return a JSON object. Check RAG_MLFLOW__URI.")
        return body
