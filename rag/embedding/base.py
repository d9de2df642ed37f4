"""The ports of embedding: vectors for texts, and the tokenizer that says how much text fits."""

from collections.abc import Sequence
from typing import Protocol

from rag.types import EmbedderIdentity, Vector


class Embedder(Protocol):
    """Text to vectors of shape (dimension,) and norm 1."""

    @property
    def identity(self) -> EmbedderIdentity:
        """What a collection must remember of the embedder that fills it."""
        ...

    @property
    def batch_size(self) -> int:
        """How many passages one call computes best."""
        ...

    @property
    def concurrency(self) -> int:
        """How many calls at once keep it busy."""
        ...

    async def embed_query(self, text: str) -> Vector:
        """Embeds one question."""
        ...

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        """Embeds passages, in their order; a text over the model's length loses its tail."""
        ...


class Tokenizer(Protocol):
    """The embedder's own view of a text's length."""

    @property
    def max_tokens(self) -> int:
        """Tokens that one text may have, special tokens not counted."""
        ...

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Start and end (characters) of each token, special tokens left out."""
        ...
