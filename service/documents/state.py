"""The state of a document: its live version in the store, and its latest entry in the inbox."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog

from rag.errors import GroundworkError, NotFound, Unavailable
from rag.inbox.base import Inbox, Progress
from rag.store.base import StoreReader
from rag.types import ChunkFilter, DocumentId, Scope, StoredDocument

log = structlog.get_logger()

State = Literal["queued", "processing", "ready", "empty", "rejected", "deleting"]
UpdateState = Literal["queued", "processing", "empty", "rejected", "unknown"]

# An unreachable Redis is tried several times, which takes longer than a client should wait for a list.
_INBOX_SECONDS = 5.0
_IDS_PER_CALL = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentState:
    """A document as clients see it. `stored` or `entry` is set."""

    id: DocumentId
    stored: StoredDocument | None
    entry: Progress | None
    is_queue_known: bool = True
    """False if the inbox does not answer, so that an update may be pending."""

    @property
    def state(self) -> State:
        if self.entry and self.is_pending and self.entry.kind == "removal":
            return "deleting"
        if self.stored:
            return "ready"
        return self.entry.state if self.entry else "queued"

    @property
    def update(self) -> UpdateState | None:
        """The state of a later upload, or of a failed removal, of a ready document."""
        if self.state != "ready":
            return None
        if not self.is_queue_known:
            return "unknown"
        return self.entry.state if self.entry else None

    @property
    def is_pending(self) -> bool:
        return self.entry is not None and self.entry.state in {"queued", "processing"}

    @property
    def digest(self) -> str | None:
        """The digest of the latest accepted content: queued, or else stored, or else empty or rejected.

        None if a removal was accepted. Empty if an older version of this program enqueued the content.
        """
        if self.entry and self.is_pending:
            return self.entry.digest if self.entry.kind == "upload" else None
        if self.stored:
            return self.stored.digest
        return self.entry.digest if self.entry else None

    @property
    def changed_at(self) -> float:
        """Unix time in seconds at which the latest content was accepted or ingested."""
        return self.entry.order / 1e6 if self.entry else self.stored.ingested_at if self.stored else 0.0


async def find_document(store: StoreReader, inbox: Inbox, scope: Scope, document_id: DocumentId) -> DocumentState:
    """Return the state of a document; raises `NotFound`, or `Unavailable` if only the inbox could know it."""
    # The inbox must be read before the store. The worker publishes before it acknowledges, so a document that
    # finishes between the two reads is found in the store. In the other order it could be missed.
    entries = await read_entries(inbox, scope, [document_id])
    found = (await _combine(store, scope, [document_id], entries)).get(document_id)
    if found is None and entries is None:
        raise Unavailable(
            f"{document_id} is not in the collection, and the inbox cannot be reached to look for it. Try again."
        )
    if found is None:
        raise NotFound(f"There is no document {document_id}.")
    return found


async def look_up(
    store: StoreReader, inbox: Inbox, scope: Scope, document_ids: Sequence[DocumentId]
) -> dict[DocumentId, DocumentState]:
    """Return the states of those of these documents that exist; raises an error if the inbox does not answer."""
    return await _combine(store, scope, document_ids, await inbox.progress(scope, document_ids))


async def read_entries(
    inbox: Inbox, scope: Scope, document_ids: Collection[DocumentId] | None = None
) -> list[Progress] | None:
    """Return the entries of these documents, or of the tenant, or None if the inbox does not answer."""
    try:
        async with asyncio.timeout(_INBOX_SECONDS):
            return await inbox.progress(scope, document_ids)
    except TimeoutError:
        log.warning("inbox_unknown", reason=f"The inbox did not answer within {_INBOX_SECONDS:g} s.")
    except GroundworkError as error:
        log.warning("inbox_unknown", error=type(error).__name__, reason=error.describe())
    return None


async def read_stored(
    store: StoreReader, scope: Scope, document_ids: Sequence[DocumentId]
) -> dict[DocumentId, StoredDocument]:
    """Return those of these documents that have a live version."""
    stored: dict[DocumentId, StoredDocument] = {}
    for start in range(0, len(document_ids), _IDS_PER_CALL):
        some = ChunkFilter(document_ids=tuple(document_ids[start : start + _IDS_PER_CALL]))
        async for document in store.documents(scope, some):
            known = stored.get(document.document_id)
            # During a commit to a server, two versions are live for a moment.
            if known is None or known.ingested_at < document.ingested_at:
                stored[document.document_id] = document
    return stored


async def _combine(
    store: StoreReader, scope: Scope, document_ids: Sequence[DocumentId], entries: list[Progress] | None
) -> dict[DocumentId, DocumentState]:
    stored = await read_stored(store, scope, document_ids)
    pending = {entry.document_id: entry for entry in entries or ()}
    return {
        it: DocumentState(id=it, stored=stored.get(it), entry=pending.get(it), is_queue_known=entries is not None)
        for it in document_ids
        if it in stored or it in pending
    }
