"""MLflow's REST interface, as far as it is used: its own client would bring 70 MB and a web framework."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from rag.errors import BadResponse, Misconfigured, NotFound
from rag.http import bearer_header, require_success, translated_errors
from service.settings import MlflowSettings

_PART = "MLflow server"
_MISSING = 404


class Mlflow:
    """One server; raises `Unavailable`, `NotFound` or `BadResponse`."""

    def __init__(self, session: aiohttp.ClientSession, settings: MlflowSettings) -> None:
        if settings.uri is None:
            raise Misconfigured("Say where MLflow is: RAG_MLFLOW__URI.")
        self._session = session
        self._base = f"{str(settings.uri).rstrip('/')}/api/2.0/mlflow"
        self._headers = bearer_header(settings.token)

    async def get(self, path: str, **query: str) -> Mapping[str, Any]:
        return await self._call("GET", path, params=query)

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self._call("POST", path, json=body)

    async def _call(self, method: str, path: str, **content: Any) -> Mapping[str, Any]:
        with translated_errors(_PART):
            url = f"{self._base}/{path}"
            async with self._session.request(method, url, headers=self._headers, **content) as response:
                if response.status == _MISSING:
                    raise NotFound(f"The {_PART} knows nothing under {path}.")
                await require_success(_PART, response)
                body = await response.json()
        if not isinstance(body, dict):
            raise BadResponse(f"The {_PART} answered with something that is no JSON object.")
        return body
