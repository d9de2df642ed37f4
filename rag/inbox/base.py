"""The ports of the inbox and the values that pass through them.

Three halves for three callers: the service puts and asks, a worker takes and settles, a person looks after what failed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rag.types import DocumentId, RawDocument, Scope

MOST_ENTRIES = 100_000
"""More are not let in: whoever puts should wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A job to ingest a document."""

    scope: Scope
    document: RawDocument
    traceparent: str = ""
    """The span that enqueued the job, in the W3C format. Empty without a trace."""

    @property
    def document_id(self) -> DocumentId:
        return self.document.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A document that somebody wants out of the collection."""

    scope: Scope
    document_id: DocumentId
    traceparent: str = ""


async def _granted() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One claimed entry; `receipt` settles it."""

    receipt: str
    job: Upload | Removal
    attempt: int
    """1 for the first time; a worker that died on it counts as an attempt."""
    order: int
    """When it was put, in microseconds of the inbox's clock: the later of two states has the greater."""
    confirm: Callable[[], Awaitable[None]] = field(default=_granted, compare=False)
    """To be asked before a write that others see: raises `ClaimLost` where the entry is another worker's by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a document has come; one that is in the collection has no entry here any more."""

    document_id: DocumentId
    uri: str
    state: Literal["queued", "processing", "rejected"]
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An entry that was given up, with everything that replaying it needs."""

    id: str
    scope: Scope
    document_id: DocumentId
    uri: str
    kind: Literal["upload", "removal"]
    reason: str
    """One line for whoever sent the document."""
    trace: str
    """The traceback for whoever mends the program; empty where the document itself was at fault."""
    attempts: int
    failed_at: float
    """Unix time in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxStatistics:
    """The inbox at a glance, all tenants together."""

    queued: int
    """Waiting, those that wait for another attempt included."""
    processing: int
    dead: int
    oldest_seconds: float
    """Age of the oldest entry that waits or is processed; 0 when there is none."""


class Inbox(Protocol):
    """What the service needs. What is put is durable; of two states of one document the later one wins."""

    async def put(self, job: Upload | Removal) -> None:
        """Returns when the entry would survive a crash; raises `Overloaded` when the inbox is full."""
        ...

    async def progress(self, scope: Scope, document_id: DocumentId | None = None) -> list[Progress]:
        """The entries of one document, or of all, oldest first."""
        ...

    async def statistics(self) -> InboxStatistics:
        """What waits, and for how long."""
        ...


class Worklist(Protocol):
    """What a worker needs; any number of them share one inbox.

    Those that are due first go first, but two entries of one document never at once. What a worker held when it died
    comes back to others; a worker that only seemed dead finds `ClaimLost` when it settles, retries or buries.
    """

    async def wait(self, seconds: float) -> bool:
        """Whether there is something to claim; returns as soon as there is, or after that time."""
        ...

    async def claim(self) -> Entry | None:
        """The next entry that is due, or None when there is none. It stays claimed while this process lives."""
        ...

    async def settle(self, entry: Entry) -> None:
        """Takes a claimed entry off, and the dead letter that its document may have: it is in, or out, now."""
        ...

    async def retry(self, entry: Entry, *, after: float, counts: bool = True) -> None:
        """Returns a claimed entry, due again in `after` seconds; a later state of the document supersedes it.

        Where it does not count, this attempt was none: the fault is not the entry's.
        """
        ...

    async def bury(self, entry: Entry, *, reason: str, trace: str = "") -> None:
        """Makes a claimed entry a dead letter, the only one of its document."""
        ...


class DeadLetters(Protocol):
    """What a person needs to look after what failed."""

    async def dead_letters(self) -> list[DeadLetter]:
        """All tenants', oldest first."""
        ...

    async def replay(self, letter_id: str) -> None:
        """Queues it again as if it were new, unless a newer state of its document is on its way; raises `NotFound`."""
        ...

    async def drop(self, letter_id: str) -> None:
        """Forgets it; raises `NotFound`."""
        ...
