"""Any server with a `/rerank` endpoint: TEI in its own shape; Infinity, vLLM, Jina and Cohere in Cohere's."""

from collections.abc import Sequence
from typing import Any

import aiohttp
import numpy as np

from rag.errors import BadResponse
from rag.gate import Gate
from rag.http import bearer_header, require_success, translated_errors
from service.settings import EndpointRerankerSettings

_PART = "reranking server"
_WAITING = 64


class EndpointReranker:
    """One request for all passages of a question."""

    def __init__(self, session: aiohttp.ClientSession, settings: EndpointRerankerSettings) -> None:
        self._session = session
        self._settings = settings
        self._url = f"{str(settings.url).rstrip('/')}/rerank"
        self._headers = bearer_header(settings.api_key)
        self._gate = Gate("reranker", running=settings.concurrency, waiting=_WAITING)

    @property
    def model(self) -> str:
        return self._settings.model

    @property
    def batch_size(self) -> int:
        return self._settings.candidates

    async def score(self, question: str, passages: Sequence[str]) -> list[float]:
        request = self._to_request(question, list(passages))
        async with self._gate.enter():
            with translated_errors(_PART):
                async with self._session.post(self._url, json=request, headers=self._headers) as response:
                    await require_success(_PART, response)
                    body = await response.json(content_type=None)
        return _to_scores(body, len(passages))

    def _to_request(self, question: str, passages: list[str]) -> dict[str, Any]:
        match self._settings.shape:
            case "tei":
                return {"query": question, "texts": passages, "raw_scores": True, "truncate": True}
            case "cohere":
                return {
                    "model": self._settings.model,
                    "query": question,
                    "documents": passages,
                    "top_n": len(passages),
                }


def _to_scores(body: Any, count: int) -> list[float]:
    """TEI answers with the list itself and says `score`, Cohere puts it under `results` and says `relevance_score`."""
    try:
        items = body["results"] if isinstance(body, dict) else body
        found = {int(item["index"]): float(item.get("relevance_score", item.get("score"))) for item in items}
        scores = [found[index] for index in range(count)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadResponse(f"The {_PART} answered with something that is no score for each passage.") from error
    if not np.isfinite(scores).all():
        raise BadResponse(f"The {_PART} answered with a score that is no number.")
    return scores
