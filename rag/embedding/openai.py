"""An embedding server with OpenAI's `/v1/embeddings`."""

import asyncio
import base64
import math
from collections.abc import Sequence
from typing import Any

import aiohttp
import numpy as np

from rag.endpoints import endpoint_of, key_header
from rag.errors import BadResponse, RequestRejected, TimedOut
from rag.gate import Gate
from rag.http import post, read_json
from rag.metrics import EMBED_BATCH_SIZE, EMBED_INFERENCE
from rag.settings import OpenAIEmbedderSettings
from rag.types import EmbedderIdentity, Vector
from rag.upstream import Upstream

_UPSTREAM = Upstream("embedding server", "RAG_EMBEDDER__URL, RAG_EMBEDDER__MODEL and RAG_EMBEDDER__API_KEY")
# Bounds the memory of waiting calls. The time limit of a question bounds its wait.
_WAITING = 1024


class OpenAIEmbedder:
    """Requests vectors from a server and normalises them, because not every server does."""

    def __init__(self, session: aiohttp.ClientSession, settings: OpenAIEmbedderSettings) -> None:
        self._session = session
        self._settings = settings
        self._url = endpoint_of(settings.url, "embeddings")
        self._headers = key_header(settings.api_key, settings.url)
        self.identity = EmbedderIdentity(model=settings.model, dimension=settings.dimension)
        self.batch_size = settings.batch_size
        self.concurrency = settings.concurrency
        self._gate = Gate("embedder", running=settings.concurrency, waiting=_WAITING)
        self._sends_format = True

    async def embed_query(self, text: str) -> Vector:
        # The wait for a place counts too. Otherwise each question behind a silent server would wait many times as long.
        try:
            async with asyncio.timeout(self._session.timeout.sock_read):
                [vector] = await self._embed([text])
        except TimeoutError as error:
            raise TimedOut(f"The {_UPSTREAM.name} did not answer in time. Try again later.") from error
        return vector

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        vectors: list[Vector] = []
        while len(vectors) < len(texts):
            vectors += await self._embed_or_halve(texts[len(vectors) : len(vectors) + self.batch_size])
        return vectors

    async def _embed_or_halve(self, texts: Sequence[str]) -> list[Vector]:
        """Embed a batch in smaller requests if the server rejects its size, and use the smaller size from then on."""
        try:
            return await self._embed(texts)
        except RequestRejected:
            if len(texts) == 1:
                raise
        half = math.ceil(len(texts) / 2)
        vectors = [*await self._embed_or_halve(texts[:half]), *await self._embed_or_halve(texts[half:])]
        # Both halves were accepted, so the size was the reason and not one of the texts.
        self.batch_size = min(self.batch_size, half)
        return vectors

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        async with self._gate.enter():
            try:
                body = await self._request(texts)
            except RequestRejected as error:
                if not self._sends_format or "encoding_format" not in error.upstream:
                    raise
                # Numbers are the default of servers that do not know this field.
                self._sends_format = False
                body = await self._request(texts)
        EMBED_BATCH_SIZE.observe(len(texts))
        return self._to_vectors(body, len(texts))

    async def _request(self, texts: Sequence[str]) -> Any:
        request: dict[str, Any] = {"model": self._settings.model, "input": list(texts)}
        if self._sends_format:
            request["encoding_format"] = "float"
        with EMBED_INFERENCE.time():
            async with post(self._session, _UPSTREAM, self._url, request, self._headers) as response:
                return await read_json(_UPSTREAM, response)

    def _to_vectors(self, body: Any, count: int) -> list[Vector]:
        try:
            embeddings = [_to_numbers(item["embedding"]) for item in _in_order(body["data"])]
            if len(embeddings) != count:
                raise BadResponse(f"The {_UPSTREAM.name} sent {len(embeddings)} vectors for {count} texts.")
            vectors = np.array(embeddings, dtype=np.float64)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise BadResponse(f"The {_UPSTREAM.name} sent a response that is not a list of embeddings.") from error
        if vectors.shape != (count, self._settings.dimension):
            raise BadResponse(
                f"The {_UPSTREAM.name} sent vectors of {vectors[0].size} numbers, but RAG_EMBEDDER__DIMENSION is "
                f"{self._settings.dimension}. An operator must check it and RAG_EMBEDDER__MODEL."
            )
        # Scaled first, because the squares of very large or small numbers are infinite or 0.
        largest = np.abs(vectors).max(axis=1, keepdims=True)
        if not np.isfinite(largest).all() or not largest.all():
            raise BadResponse(f"The {_UPSTREAM.name} sent a vector without a direction: its length is 0 or not finite.")
        scaled = vectors / largest
        return list((scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float32))


def _in_order(items: list[Any]) -> list[Any]:
    """Return the items in the order of the texts.

    Some servers send no index, or 0 for every item; then they keep the order. Other repeated indices are an error.
    """
    indices = [item.get("index") for item in items]
    if len({*indices}) == 1:
        return items
    numbers = [int(index) for index in indices]
    if len({*numbers}) < len(numbers):
        raise ValueError("Two embeddings have the same index.")
    return [item for _, item in sorted(zip(numbers, items, strict=True), key=lambda pair: pair[0])]


def _to_numbers(embedding: Any) -> Any:
    """Return the numbers of an embedding, which some servers always send as base64 of 32-bit floats."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    return embedding
