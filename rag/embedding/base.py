"""The ports of embedding: vectors for texts, and the tokenizer that measures texts."""

from collections.abc import Sequence
from typing import Protocol

from rag.types import EmbedderIdentity, Vector


class Embedder(Protocol):
    """A model that turns text into vectors of norm 1. Every call may raise `Unavailable` or `BadResponse`."""

    @property
    def identity(self) -> EmbedderIdentity:
        """The identity that a collection stores with its vectors."""

    @property
    def batch_size(self) -> int:
        """Number of passages per call with the best throughput."""

    @property
    def concurrency(self) -> int:
        """Number of concurrent calls that keep the embedder busy."""

    async def embed_query(self, text: str) -> Vector:
        """Embed one question."""

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        """Embed passages and return their vectors in the same order. A text beyond the model's length is truncated."""


class Tokenizer(Protocol):
    """The tokenizer of the embedder's model."""

    @property
    def max_tokens(self) -> int:
        """Most tokens of a text, without special tokens."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return start and end of each token in characters, without special tokens."""
