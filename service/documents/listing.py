"""Pages of documents, sorted and filtered.

A page reads all entries of the tenant's inbox. Of the store it reads the newest documents up to the page's end if it is
sorted by time, and the fields of every document otherwise, because Qdrant cannot sort by text. It keeps one page.
"""

import base64
import heapq
import json
import math
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote

from rag.errors import InvalidInput
from rag.inbox.base import Inbox, Progress
from rag.store.base import StoreReader
from rag.types import EVERYTHING, ChunkFilter, DocumentId, Scope
from service.documents.state import DocumentState, State, UpdateState, read_entries, read_stored

Sort = Literal["title", "id", "time"]
Key = tuple[str | float, str]
"""The value that a page is sorted by. The second part is the id, so that no two documents have the same key."""

# The candidates of a page are cut to its length when there are this many times more.
_SLACK = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentQuery:
    """A client's request for one page of a list: filter, order and position."""

    text: str = ""
    """Part of a title or URI, or the beginning of an id, in any case. Empty selects all."""
    states: frozenset[State] = frozenset()
    """States of a document or of its update. Empty selects all."""
    sort: Sort = "time"
    """time begins with the newest document. It is the only order that the store knows."""
    after: Key | None = None
    """The key of the last document of the previous page."""
    limit: int

    def selects(self, state: State | UpdateState) -> bool:
        return not self.states or state in self.states


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPage:
    """A part of a list."""

    documents: list[DocumentState]
    next: Key | None
    """The key that the next page begins behind. None after the last page."""
    counts: Counter[State] | None
    """Entries of the tenant in the inbox by state. None if the inbox does not answer: only the store was read."""


async def list_documents(store: StoreReader, inbox: Inbox, scope: Scope, query: DocumentQuery) -> DocumentPage:
    """Return one page. A document that does not change is on exactly one page, whatever happens to the others."""
    # The inbox is read before the store, as in `find_document`.
    entries = await read_entries(inbox, scope)
    pending = {entry.document_id: entry for entry in entries or ()}
    candidates = await _pending_documents(store, scope, list(pending.values()), query)
    if query.selects("ready"):
        candidates += await _ready_documents(store, scope, set(pending), query, is_queue_known=entries is not None)
    candidates = _first_of(candidates, query)
    shown = candidates[: query.limit]
    return DocumentPage(
        documents=await _with_stored(store, scope, shown),
        next=_key(shown[-1], query.sort) if len(candidates) > query.limit else None,
        counts=None if entries is None else Counter(_state_of(entry) for entry in entries),
    )


def to_cursor(key: Key, sort: Sort) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, *key]).encode()).decode().rstrip("=")


def from_cursor(cursor: str, sort: Sort) -> Key:
    """Raises `InvalidInput` if the cursor is not from a page with this sort."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        its_sort, value, document_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        is_valid = isinstance(document_id, str) and (
            (sort == "time" and isinstance(value, int | float) and math.isfinite(value))
            or (sort != "time" and isinstance(value, str))
        )
    except (ValueError, TypeError, OverflowError, RecursionError):
        its_sort, is_valid = None, False
    if its_sort != sort or not is_valid:
        raise InvalidInput(f"The cursor is not valid. Send `next` of the previous page, which had sort={sort}.")
    return value, document_id


async def _pending_documents(
    store: StoreReader, scope: Scope, entries: list[Progress], query: DocumentQuery
) -> list[DocumentState]:
    """Return the selected documents that have an entry. They have their stored version only if it is needed here."""
    found = [
        DocumentState(id=entry.document_id, stored=None, entry=entry)
        for entry in entries
        if query.selects(_state_of(entry)) or query.selects("ready")
    ]
    if query.text or query.sort == "title" or "ready" in query.states:
        found = await _with_stored(store, scope, found)
    return [document for document in found if _is_selected(document, query)]


async def _ready_documents(
    store: StoreReader, scope: Scope, others: set[DocumentId], query: DocumentQuery, *, is_queue_known: bool
) -> list[DocumentState]:
    """Return the first selected documents that are not among the others, up to one more than a page."""
    found: list[DocumentState] = []
    is_sorted = query.sort == "time"
    where = EVERYTHING
    if is_sorted and query.after:
        # The documents of the cursor's own time are read again, because some of them may be on the next page.
        where = ChunkFilter(ingested_before=math.nextafter(-float(query.after[0]), math.inf))
    async for stored in store.documents(scope, where, newest_first=is_sorted):
        document = DocumentState(id=stored.document_id, stored=stored, entry=None, is_queue_known=is_queue_known)
        # Documents of one time come in no order, so the last time is read to its end.
        if is_sorted and len(found) > query.limit and document.changed_at < found[query.limit].changed_at:
            break
        if document.id in others or not _is_selected(document, query):
            continue
        found.append(document)
        if is_sorted:
            others.add(document.id)  # An older version may follow, as in `_first_of`.
        elif len(found) > _SLACK * (query.limit + 1):
            found = _first_of(found, query)
    return found


async def _with_stored(store: StoreReader, scope: Scope, documents: list[DocumentState]) -> list[DocumentState]:
    """Return the documents with their live versions."""
    stored = await read_stored(store, scope, [document.id for document in documents if document.stored is None])
    return [replace(document, stored=document.stored or stored.get(document.id)) for document in documents]


def _is_selected(document: DocumentState, query: DocumentQuery) -> bool:
    if not (query.selects(document.state) or (document.update and query.selects(document.update))):
        return False
    if query.after and _key(document, query.sort) <= query.after:
        return False
    return not query.text or _is_named(document, _fold(query.text))


def _is_named(document: DocumentState, text: str) -> bool:
    title = document.stored.title if document.stored else ""
    known = document.stored or document.entry
    uri = known.uri if known else ""
    # Many ids are UUIDs, in which any short word of a to f would be found. The URI of an upload has its name.
    return _fold(document.id).startswith(text) or any(text in _fold(it) for it in (title, uri, unquote(uri)))


def _first_of(documents: list[DocumentState], query: DocumentQuery) -> list[DocumentState]:
    """Return the first documents in their order, one more than a page, each once."""
    newest: dict[DocumentId, DocumentState] = {}
    for document in documents:
        # During a commit to a server, two versions are live for a moment.
        known = newest.setdefault(document.id, document)
        if known.changed_at < document.changed_at:
            newest[document.id] = document
    return heapq.nsmallest(query.limit + 1, newest.values(), key=lambda it: _key(it, query.sort))


def _key(document: DocumentState, sort: Sort) -> Key:
    match sort:
        case "time":
            return -document.changed_at, document.id
        case "title":
            return _fold((document.stored.title if document.stored else "") or document.id), document.id
        case "id":
            return _fold(document.id), document.id


def _state_of(entry: Progress) -> State:
    return DocumentState(id=entry.document_id, stored=None, entry=entry).state


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
