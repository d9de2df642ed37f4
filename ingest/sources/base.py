"""The port of a source: it lists units, and each unit can be fetched."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid5

from ingest.sources.notes import SourceNotes
from rag.errors import InvalidInput
from rag.types import DocumentId, RawDocument

# Never change it: every stored document would get another id and be ingested a second time.
_NAMESPACE = UUID("6b0c3a52-8f0e-5d6c-9a51-2f6a7c1f4e10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A file, page or record that cannot be ingested, with a one-line reason for the operator."""

    uri: str
    reason: str


class Gone(InvalidInput):
    """The unit was listed, but it certainly does not exist any more: its stored document may be removed."""


class Unmodified:
    """The result of a fetch if the unit has not changed since its validator."""


Fetch = Callable[[str], Awaitable[RawDocument | Unmodified]]
"""A function that takes the validator of the stored version, or "" without one, and fetches the unit.

Raises `InvalidInput` with a one-line reason if this unit cannot be ingested, `Gone` if it does not exist any more, and
`Unavailable` if a retry may succeed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A listed document of a source; the pipeline fetches several units concurrently."""

    id: DocumentId
    uri: str
    fetch: Fetch


class Source(Protocol):
    """A source of documents, which yields its units one at a time so that a large source does not fill memory."""

    @property
    def notes(self) -> SourceNotes:
        """Notes of `find`: files that it passed over, and parts that it could not list."""

    def count(self) -> int | None:
        """Return the number of units that `find` will yield, or None if the number is known only after listing them."""

    def find(self) -> AsyncIterator[Unit | Rejection]:
        """Yield the units in a stable order, and a `Rejection` for each one that cannot be listed."""

    def covers(self, uri: str) -> bool:
        """Return True if `find` would yield a document with this URI if it existed; `--prune` relies on it."""

    async def is_gone(self, uri: str) -> bool:
        """Return False if the document may still exist although the last `find` did not yield it.

        `--prune` asks it about stored documents that the source covers.
        """


def document_id_of(uri: str) -> DocumentId:
    """Return the id of the document at `uri`, the same on every machine."""
    return DocumentId(str(uuid5(_NAMESPACE, uri)))


def require_size(size: int, max_bytes: int) -> None:
    """Raise `InvalidInput` if a document is larger than RAG_MAX_DOCUMENT_BYTES."""
    if size > max_bytes:
        raise InvalidInput(f"larger than the limit of {max_bytes:,} bytes (RAG_MAX_DOCUMENT_BYTES)")
