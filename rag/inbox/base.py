"""The ports of the inbox and the values that pass through them.

The service enqueues and reads progress, a worker claims and acknowledges, an operator manages dead letters.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rag.types import DocumentId, RawDocument, Scope

ProgressState = Literal["queued", "processing", "rejected", "empty"]

MAX_ENTRIES = 100_000
"""Most queued entries. A full inbox raises `Overloaded`, so that clients slow down."""

REPORT_SECONDS = 2.0
"""Time between two reports of a worker."""
REPORT_VALID_SECONDS = 15.0
"""Time after which a worker without a new report counts as dead. It is longer than a pause of a busy machine."""

DAMAGED = "The entry is damaged, and its document is unknown. Upload the document again."
"""Reason of the dead letter of an entry that cannot be read."""

_SHORT_KEY = 12


def key_of(scope: Scope, document_id: DocumentId) -> str:
    """Return the name of a document's entries. It identifies tenant and document without containing their names."""
    return hashlib.sha256(f"{scope.tenant}\0{document_id}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A job to ingest a document."""

    scope: Scope
    document: RawDocument
    traceparent: str = ""
    """The span that enqueued the job, in the W3C format. Empty without a trace."""
    digest: str = ""
    """`RawDocument.digest`, so that the queue need not read the body. Empty in entries of older versions."""

    @property
    def document_id(self) -> DocumentId:
        return self.document.id

    @property
    def short_key(self) -> str:
        """The beginning of the document's key, for logs and spans, which must not contain its name."""
        return key_of(self.scope, self.document_id)[:_SHORT_KEY]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A job to remove a document."""

    scope: Scope
    document_id: DocumentId
    traceparent: str = ""

    @property
    def short_key(self) -> str:
        """The beginning of the document's key, as in `Upload`."""
        return key_of(self.scope, self.document_id)[:_SHORT_KEY]


async def _confirm_always() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A claimed queue entry."""

    receipt: str
    """Identifies the claim when the entry is acknowledged, retried or given up."""
    job: Upload | Removal
    attempt: int
    """Number of this attempt, from 1. A claim of a worker that died counts as an attempt."""
    order: int
    """Time of enqueueing in microseconds of the inbox's clock. It orders the states of a document, so it only rises."""
    confirm: Callable[[], Awaitable[None]] = field(default=_confirm_always, compare=False)
    """Call it before each visible write. Raises `ClaimLost` if another worker may have the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The state of a document in the inbox. Ingested documents have no entry, and empty ones keep theirs."""

    document_id: DocumentId
    uri: str
    state: ProgressState
    reason: str | None = None
    kind: Literal["upload", "removal"] = "upload"
    digest: str = ""
    """The digest of the `Upload`."""
    order: int = 0
    """Time of enqueueing in microseconds of the inbox's clock. Each state of a document has another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An entry that failed for good, with its reason."""

    id: str
    scope: Scope
    document_id: DocumentId
    uri: str
    kind: Literal["upload", "removal"]
    reason: str
    """One line for the client that sent the document."""
    trace: str
    """The traceback for developers. Empty if the document itself was at fault."""
    attempts: int
    failed_at: float
    """Unix time in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxStatistics:
    """Statistics of the inbox over all tenants."""

    queued: int
    """Waiting entries, with those that wait for another attempt."""
    processing: int
    dead: int
    oldest_seconds: float
    """Age in seconds of the oldest entry that waits or is processed. 0 for an empty inbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """The state that a living worker reports to the service."""

    waiting_for: str = ""
    """One sentence that says why the worker cannot ingest now. Empty if it can."""


class Inbox(Protocol):
    """The side of the service. Entries are durable, and a later state of a document supersedes an earlier one."""

    async def put(self, job: Upload | Removal, *, expected: int | None = None) -> None:
        """Enqueue a job durably; raises `Overloaded` if the inbox is full.

        `expected` is the order of the document's entry that the caller knows, or 0 for none. If the document has
        another entry by now, nothing is enqueued: raises `Conflict`.
        """

    async def progress(self, scope: Scope, document_ids: Collection[DocumentId] | None = None) -> list[Progress]:
        """Return the latest entry of each of these documents, or of each document of the tenant, in no order."""

    async def statistics(self) -> InboxStatistics:
        """Return the number of entries by state and the age of the oldest one."""

    async def workers(self) -> list[WorkerReport]:
        """Return the latest report of each living worker of this inbox."""


class Worklist(Protocol):
    """The side of a worker. Any number of workers share one inbox.

    Entries are claimed in the order in which they are due, and never two entries of one document at once.
    The claims of a dead worker return to the queue. If that worker was only paused, its calls raise `ClaimLost`.
    """

    async def wait(self, seconds: float) -> bool:
        """Return True as soon as an entry can be claimed, or False after `seconds`."""

    async def claim(self) -> Entry | None:
        """Claim the next due entry, or return None. It stays claimed until it is acknowledged or its lease ends."""

    async def acknowledge(self, entry: Entry) -> None:
        """Acknowledge a claimed entry: remove it, and an earlier entry of its document that failed or was empty."""

    async def set_aside(self, entry: Entry, *, reason: str) -> None:
        """Acknowledge the claimed upload of an empty document, and keep its name and the reason for clients.

        It is kept until a later state of the document is ingested or removed.
        """

    async def retry(self, entry: Entry, *, after: float, counts: bool = True) -> None:
        """Return a claimed entry to the queue, due in `after` seconds, unless a later state supersedes it.

        With `counts=False` the attempt is not counted, because the entry was not at fault.
        """

    async def dead_letter(self, entry: Entry, *, reason: str, trace: str = "") -> None:
        """Turn a claimed entry into the dead letter of its document, which replaces an earlier one."""

    async def report(self, report: WorkerReport) -> None:
        """Report to the readers of the inbox that this worker lives. Call it every `REPORT_SECONDS`."""


class OperatorInbox(Inbox, Protocol):
    """The side of an operator, who also manages failed entries."""

    async def dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters of all tenants, oldest first."""

    async def replay(self, letter_id: str) -> None:
        """Enqueue it again as new, unless a newer state of its document is queued; raises `NotFound`."""

    async def drop(self, letter_id: str) -> None:
        """Delete it; raises `NotFound`."""
