"""The port of a source."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from rag.types import RawDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A unit that could not be taken in, and why: one line for a person."""

    uri: str
    reason: str


class Source(Protocol):
    """Yields its units one at a time, so that a large source never stands in memory."""

    def count(self) -> int:
        """How many units `read` will yield, for the time left; fetches none of them."""
        ...

    def read(self) -> AsyncIterator[RawDocument | Rejection]:
        """The units in a stable order; what cannot be read comes as a `Rejection`, and the rest goes on."""
        ...
