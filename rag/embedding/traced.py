"""Traces any embedder with a span per call."""

from collections.abc import Sequence

from opentelemetry.trace import SpanKind

from rag.embedding.base import Embedder
from rag.settings import EmbedderSettings, OpenAIEmbedderSettings
from rag.tracing import semconv
from rag.tracing.attributes import content, server_at
from rag.tracing.spans import Attributes, span
from rag.types import EmbedderIdentity, Vector


class TracedEmbedder:
    """The wrapped embedder, with a span for each call."""

    def __init__(self, embedder: Embedder, settings: EmbedderSettings) -> None:
        self._embedder = embedder
        self.identity = embedder.identity
        self.batch_size = embedder.batch_size
        self.concurrency = embedder.concurrency
        self._name = f"{semconv.EMBEDDINGS} {embedder.identity.model}"
        self._kind, self._attributes = _describe(embedder.identity, settings)

    async def embed_query(self, text: str) -> Vector:
        with span(self._name, self._attributes, kind=self._kind) as call:
            call.set_attributes(content(semconv.EMBEDDED_TEXT, text))
            return await self._embedder.embed_query(text)

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        with span(self._name, self._attributes, kind=self._kind) as call:
            call.set_attribute(semconv.EMBEDDED_TEXTS, len(texts))
            return await self._embedder.embed_passages(texts)


def _describe(identity: EmbedderIdentity, settings: EmbedderSettings) -> tuple[SpanKind, Attributes]:
    what: Attributes = {
        semconv.OPERATION: semconv.EMBEDDINGS,
        semconv.REQUEST_MODEL: identity.model,
        semconv.DIMENSION: identity.dimension,
    }
    if isinstance(settings, OpenAIEmbedderSettings):
        return SpanKind.CLIENT, {**what, semconv.PROVIDER: "openai", **server_at(str(settings.url))}
    return SpanKind.INTERNAL, {**what, semconv.PROVIDER: "sentence-transformers"}
