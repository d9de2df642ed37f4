"""The port of the inbox and the values that pass through it."""

from dataclasses import dataclass
from typing import Literal, Protocol

from rag.types import DocumentId, MediaType, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A document that somebody wants in the collection."""

    scope: Scope
    document_id: DocumentId
    uri: str
    media_type: MediaType
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A document that somebody wants out of the collection."""

    scope: Scope
    document_id: DocumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One claimed entry; `receipt` settles it."""

    receipt: str
    job: Upload | Removal


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a document has come; one that is in the collection has no entry here any more."""

    document_id: DocumentId
    uri: str
    state: Literal["queued", "processing", "rejected"]
    reason: str | None = None


class Inbox(Protocol):
    """First in, first out. What is put is durable; what was claimed and not settled comes back."""

    async def put(self, job: Upload | Removal) -> None:
        """Returns when the entry would survive a crash."""
        ...

    async def claim(self) -> Entry | None:
        """The oldest entry, or None when there is none."""
        ...

    async def settle(self, entry: Entry, *, rejected: str | None = None) -> None:
        """Takes a claimed entry off; a reason is kept for whoever asks, until the document is put again."""
        ...

    async def progress(self, scope: Scope, document_id: DocumentId | None = None) -> list[Progress]:
        """The entries of one document, or of all, oldest first."""
        ...
