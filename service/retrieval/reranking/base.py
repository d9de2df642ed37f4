"""The port of the reranker."""

from collections.abc import Sequence
from typing import Protocol


class Reranker(Protocol):
    """Scores passages by reading each one together with the question. More precise than vectors, and slower.

    Implemented by `LocalReranker` and `EndpointReranker`.
    """

    model: str
    """Model name for answers."""
    batch_size: int
    """Preferred number of passages per call."""

    async def score(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return one score per passage, in their order. Higher is better; scores of different questions do not compare.

        Raises `Unavailable`, `Overloaded`, `TimedOut` or `BadResponse`.
        """
