"""Guarded changes: a job is accepted only if the document is in the state that the client knows."""

from collections.abc import Callable
from dataclasses import dataclass

from rag.errors import Conflict, PreconditionFailed
from rag.inbox.base import Inbox, Removal, Upload
from rag.store.base import StoreReader
from service.documents.state import DocumentState, look_up

# Each attempt fails only if another change of the same document came between its read and its write.
_ATTEMPTS = 10

Check = Callable[[DocumentState | None], None]
"""Raises an error if the change must not happen. None means a document that does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """The conditions of If-Match and If-None-Match on the latest accepted content, including queued content."""

    match: frozenset[str] | None = None
    """Digests of which the document must have one. Empty accepts any existing document, None requires nothing."""
    none_match: frozenset[str] | None = None
    """Digests of which the document must have none. Empty refuses any existing document, None requires nothing."""

    def check(self, found: DocumentState | None) -> None:
        """Raise `PreconditionFailed` if the document is in another state."""
        digest = found.digest if found else None
        if digest is None:
            if self.match is not None:
                raise PreconditionFailed("The document does not exist, or its removal is queued.")
            return
        if self.match and digest not in self.match:
            raise PreconditionFailed(f'The document has other content by now: its ETag is "{digest}".')
        if self.none_match is not None and (not self.none_match or digest in self.none_match):
            raise PreconditionFailed(f'The document exists already: its ETag is "{digest}".')


async def accept(store: StoreReader, inbox: Inbox, job: Upload | Removal, check: Check | None) -> None:
    """Enqueue the job if the check passes, and if no other job of the document was enqueued since the check.

    Without a check, the change is accepted in any state of the document.
    Raises the error of the check, or `Conflict` if other clients change the document all the time.
    """
    if check is None:
        await inbox.put(job)
        return
    for _ in range(_ATTEMPTS):
        found = (await look_up(store, inbox, job.scope, [job.document_id])).get(job.document_id)
        check(found)
        try:
            await inbox.put(job, expected=found.entry.order if found and found.entry else 0)
        except Conflict:
            continue
        return
    raise Conflict(f"Other clients change {job.document_id} at this moment. Try again.")


def refuse_replacement(digest: str) -> Check:
    """Return a check that accepts new or equal content, and content in the place of an empty or rejected upload."""

    def check(found: DocumentState | None) -> None:
        if found is None or found.digest in {None, digest} or found.state in {"empty", "rejected"}:
            return
        raise Conflict(
            f"There is a document {found.id} already, with other content, format or metadata. "
            "Rename the file, or replace the document: add ?replace=true, or its ETag as If-Match."
        )

    return check
