"""The port of the reranker."""

from collections.abc import Sequence
from typing import Protocol


class Reranker(Protocol):
    """Reads question and passage together, which tells more than the distance of two vectors, and costs more."""

    @property
    def model(self) -> str:
        """Its name, as answers report it."""
        ...

    @property
    def batch_size(self) -> int:
        """How many passages one call scores best."""
        ...

    async def score(self, question: str, passages: Sequence[str]) -> list[float]:
        """One score for each passage, in their order; higher is better, and only scores of one question compare.

        Raises `Unavailable` or `BadResponse`.
        """
        ...
