"""An embedding server with OpenAI's `/v1/embeddings`."""

from collections.abc import Sequence
from typing import Any

import aiohttp
import numpy as np

from rag.errors import BadResponse
from rag.http import bearer_header, require_success, translated_errors
from rag.metrics import EMBED_BATCH_SIZE, EMBED_INFERENCE
from rag.settings import OpenAIEmbedderSettings
from rag.types import EmbedderIdentity, Vector

_PART = "embedding server"


class OpenAIEmbedder:
    """Requests vectors from a server and normalises them, because not every server does."""

    def __init__(self, session: aiohttp.ClientSession, settings: OpenAIEmbedderSettings) -> None:
        self._session = session
        self._settings = settings
        self._url = f"{str(settings.url).rstrip('/')}/embeddings"
        self._headers = bearer_header(settings.api_key)
        self.identity = EmbedderIdentity(model=settings.model, dimension=settings.dimension)
        self.batch_size = settings.batch_size
        self.concurrency = settings.concurrency

    async def embed_query(self, text: str) -> Vector:
        [vector] = await self._embed([text])
        return vector

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        size = self.batch_size
        batches = [await self._embed(texts[start : start + size]) for start in range(0, len(texts), size)]
        return [vector for batch in batches for vector in batch]

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        request = {"model": self._settings.model, "input": list(texts), "encoding_format": "float"}
        with translated_errors(_PART), EMBED_INFERENCE.time():
            async with self._session.post(self._url, json=request, headers=self._headers) as response:
                await require_success(_PART, response)
                body = await response.json(content_type=None)
        EMBED_BATCH_SIZE.observe(len(texts))
        return self._to_vectors(body, len(texts))

    def _to_vectors(self, body: Any, count: int) -> list[Vector]:
        try:
            items = sorted(body["data"], key=lambda item: item["index"])
            vectors = np.array([item["embedding"] for item in items], dtype=np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise BadResponse(f"The {_PART} sent a response that is not a list of embeddings.") from error
        expected = (count, self._settings.dimension)
        if vectors.shape != expected or not np.isfinite(vectors).all():
            raise BadResponse(
                f"The {_PART} sent vectors of shape {vectors.shape}, but {expected} was expected. "
                "Check RAG_EMBEDDER__DIMENSION and RAG_EMBEDDER__MODEL."
            )
        return list(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
