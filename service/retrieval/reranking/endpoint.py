"""A reranker on a server with a `/rerank` endpoint, in the request format of TEI or Cohere."""

from collections.abc import Sequence
from typing import Any

import aiohttp
import numpy as np

from rag.endpoints import endpoint_of
from rag.errors import BadResponse
from rag.gate import Gate
from rag.http import bearer_header, post, read_json
from rag.upstream import Upstream
from service.settings import EndpointRerankerSettings

_UPSTREAM = Upstream("reranking server", "RAG_RERANKER__URL, RAG_RERANKER__MODEL and RAG_RERANKER__API_KEY")
# More questions than this would time out before their turn.
_WAITING = 64


class EndpointReranker:
    """Sends all passages of a question in one request."""

    def __init__(self, session: aiohttp.ClientSession, settings: EndpointRerankerSettings) -> None:
        self._session = session
        self._settings = settings
        self.model = settings.model
        self.batch_size = settings.candidates
        self._url = endpoint_of(settings.url, "rerank")
        self._headers = bearer_header(settings.api_key)
        self._gate = Gate("reranker", running=settings.concurrency, waiting=_WAITING)

    async def score(self, question: str, passages: Sequence[str]) -> list[float]:
        request = self._to_request(question, list(passages))
        async with (
            self._gate.enter(),
            post(self._session, _UPSTREAM, self._url, request, self._headers) as response,
        ):
            body = await read_json(_UPSTREAM, response)
        return _to_scores(body, len(passages))

    def _to_request(self, question: str, passages: list[str]) -> dict[str, Any]:
        if self._settings.shape == "tei":
            return {"query": question, "texts": passages, "raw_scores": True, "truncate": True}
        return {"model": self.model, "query": question, "documents": passages, "top_n": len(passages)}


def _to_scores(body: Any, count: int) -> list[float]:
    """Return the scores by passage. TEI sends a list, Cohere the list `results`, and others the list `data`."""
    try:
        items = body if isinstance(body, list) else body.get("results") or body["data"]
        scores = {_to_index(item["index"]): _to_score(item) for item in items}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _bad_response() from error
    if len(items) != count or scores.keys() != set(range(count)):
        raise _bad_response()
    if not np.isfinite([*scores.values()]).all():
        raise BadResponse(
            f"The {_UPSTREAM.name} returned a score that is not a finite number. "
            "An operator must check RAG_RERANKER__MODEL."
        )
    return [scores[index] for index in range(count)]


def _to_index(value: Any) -> int:
    if isinstance(value, bool) or int(value) != float(value):
        raise ValueError(f"{value!r} is not an index.")
    return int(value)


def _to_score(item: dict[str, Any]) -> float:
    score = item.get("relevance_score")
    return float(item["score"] if score is None else score)


def _bad_response() -> BadResponse:
    return BadResponse(
        f"The {_UPSTREAM.name} did not return one score for each passage. An operator must check RAG_RERANKER__SHAPE."
    )
