"""The port of a source: it finds units, and each unit can be fetched."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from rag.types import DocumentId, RawDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Something that could not be listed, and why: one line for a person."""

    uri: str
    reason: str


class Unmodified:
    """What a fetch gives when the source says that nothing has changed since the validator."""


Fetch = Callable[[str], Awaitable[RawDocument | Unmodified]]
"""Takes the validator of the stored version, "" where there is none.

Raises `InvalidInput` with a one-line reason for this unit alone, `Unavailable` where a later try may succeed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One document of a source, found and not fetched yet: units are fetched side by side."""

    id: DocumentId
    uri: str
    fetch: Fetch


class Source(Protocol):
    """Finds its units one at a time, so that a large source never stands in memory."""

    @property
    def passed_over(self) -> int:
        """How many files of other kinds `find` has come across so far, which nobody asked for by name."""
        ...

    def count(self) -> int | None:
        """How many units `find` will yield, for the time left; None where only finding them tells."""
        ...

    def find(self) -> AsyncIterator[Unit | Rejection]:
        """The units in a stable order; what cannot be listed comes as a `Rejection`, and the rest goes on."""
        ...

    def covers(self, uri: str) -> bool:
        """Whether a stored document with this URI would be found here if it still existed."""
        ...
