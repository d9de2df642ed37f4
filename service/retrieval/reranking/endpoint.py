"""A reranker on a server with a `/rerank` endpoint, in the request format of TEI or Cohere."""

from collections.abc import Sequence
from typing import Any

import aiohttp
import numpy as np

from rag.errors import BadResponse
from rag.gate import Gate
from rag.http import bearer_header, require_success, translated_errors
from service.settings import EndpointRerankerSettings

_PART = "reranking server"
# More questions than this would time out before their turn.
_WAITING = 64


class EndpointReranker:
    """Sends all passages of a question in one request."""

    def __init__(self, session: aiohttp.ClientSession, settings: EndpointRerankerSettings) -> None:
        self._session = session
        self._settings = settings
        self.model = settings.model
        self.batch_size = settings.candidates
        self._url = f"{str(settings.url).rstrip('/')}/rerank"
        self._headers = bearer_header(settings.api_key)
        self._gate = Gate("reranker", running=settings.concurrency, waiting=_WAITING)

    async def score(self, question: str, passages: Sequence[str]) -> list[float]:
        request = self._to_request(question, list(passages))
        async with self._gate.enter():
            with translated_errors(_PART):
                async with self._session.post(self._url, json=request, headers=self._headers) as response:
                    await require_success(_PART, response)
                    body = await response.json(content_type=None)
        return _to_scores(body, len(passages))

    def _to_request(self, question: str, passages: list[str]) -> dict[str, Any]:
        if self._settings.shape == "tei":
            return {"query": question, "texts": passages, "raw_scores": True, "truncate": True}
        return {"model": self.model, "query": question, "documents": passages, "top_n": len(passages)}


def _to_scores(body: Any, count: int) -> list[float]:
    """Return the scores by passage. TEI sends a list with `score`, Cohere `results` with `relevance_score`."""
    try:
        items = body["results"] if isinstance(body, dict) else body
        by_index = {int(item["index"]): float(item.get("relevance_score", item.get("score"))) for item in items}
        scores = [by_index[index] for index in range(count)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadResponse(f"The {_PART} did not return a score for each passage. Check RAG_RERANKER__SHAPE.") from error
    if not np.isfinite(scores).all():
        raise BadResponse(f"The {_PART} returned a score that is not a finite number. Check RAG_RERANKER__MODEL.")
    return scores
