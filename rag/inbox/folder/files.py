"""The files of entries: the name has the state of the queue, the content is a line of JSON and the document's bytes."""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, Field, dataclass, fields, replace
from pathlib import Path
from typing import Any

from rag.durable import replace_bytes
from rag.errors import Conflict, IndexMismatch, NotFound, Overloaded, Unavailable
from rag.inbox.base import DeadLetter, Progress, ProgressState, Removal, Upload, WorkerReport
from rag.types import DocumentId, RawDocument, Scope

FORMAT = 3
"""Increment it with every change of what an entry stores, in a folder or in Redis, and convert earlier entries in
`rag.inbox.folder.earlier`.
"""

REFUSED_SECONDS = 60.0
"""Seconds until an entry of a newer format is claimed again. A newer worker may be running then."""

_HEADER_FIELDS = tuple(it for it in fields(RawDocument) if it.name not in {"id", "body"})
_LETTER_FIELDS = tuple(it.name for it in fields(DeadLetter) if it.name not in {"id", "scope"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """The name of an entry's file. Names sort by the time when entries are due."""

    due: int
    """Unix time in nanoseconds before which the entry is not claimed."""
    put: int
    """Unix time in nanoseconds of enqueueing; more if the clock was set back, because it orders the states."""
    attempts: int
    key: str
    """Identifies tenant and document."""

    @classmethod
    def parse(cls, text: str) -> "Name":
        due, put, attempts, key = text.split(".")
        return cls(due=int(due), put=int(put), attempts=int(attempts), key=key)

    def __str__(self) -> str:
        return f"{self.due:020d}.{self.put:020d}.{self.attempts:03d}.{self.key}"

    def after_attempts(self, attempts: int, *, due: int) -> "Name":
        return replace(self, attempts=attempts, due=due)


def to_content(job: Upload | Removal, **more: Any) -> bytes:
    header: dict[str, Any] = {"format": FORMAT, "tenant": job.scope.tenant, "document_id": job.document_id}
    match job:
        case Upload():
            body = job.document.body
            header |= {"kind": "upload"} | {it.name: getattr(job.document, it.name) for it in _HEADER_FIELDS}
            if job.digest:
                header["digest"] = job.digest
        case Removal():
            body = b""
            header |= {"kind": "removal", "uri": ""}
    if job.traceparent:
        header["traceparent"] = job.traceparent
    # `default=dict` writes any other kind of mapping.
    return json.dumps(header | more, default=dict).encode() + b"\n" + body


def to_job(content: bytes) -> Upload | Removal:
    """Parse the content of an entry; raises `ValueError` or `KeyError` if it is damaged.

    Raises `IndexMismatch` if a newer version wrote it.
    """
    line, _, body = content.partition(b"\n")
    header = parse_header(line)
    if header is None:
        raise ValueError("The header is not a JSON object.")
    # The first entries of format 2 have no number.
    if header.get("format", FORMAT) > FORMAT:
        raise IndexMismatch(
            f"This program is older than its data: the entry has format {header['format']}, and this version reads "
            f"formats up to {FORMAT}. The entry waits for a worker of the newer version."
        )
    scope, document_id = Scope(tenant=header["tenant"]), DocumentId(header["document_id"])
    traceparent = header.get("traceparent", "")
    if header["kind"] == "removal":
        return Removal(scope=scope, document_id=document_id, traceparent=traceparent)
    # An entry of an older version lacks newer fields, which then have their defaults.
    values = {it.name: header[it.name] for it in _HEADER_FIELDS if it.name in header or _is_required(it)}
    document = RawDocument(id=document_id, body=body, **values)
    return Upload(scope=scope, document=document, traceparent=traceparent, digest=header.get("digest", ""))


def to_dead_letter(letter_id: str, header: dict[str, Any]) -> DeadLetter:
    shared = {name: header[name] for name in _LETTER_FIELDS}
    return DeadLetter(id=letter_id, scope=Scope(tenant=header["tenant"]), **shared)


def to_progress(state: ProgressState, header: Mapping[str, Any], *, order: int) -> Progress:
    return Progress(
        document_id=header["document_id"],
        uri=header["uri"],
        state=state,
        reason=header.get("reason"),
        kind=header["kind"],
        digest=header.get("digest", ""),
        order=order,
    )


def to_report(values: dict[str, Any]) -> WorkerReport:
    """Read a report, which a worker of another version may have written."""
    return WorkerReport(waiting_for=str(values.get("waiting_for", "")))


def unknown_letter(letter_id: str) -> NotFound:
    return NotFound(f"There is no dead letter {letter_id}. List them with `python -m ingest dead-letter list`.")


def changed_meanwhile() -> Conflict:
    return Conflict("Another client changed the document at the same time. Read its state, then try again.")


def inbox_full(entries: int) -> Overloaded:
    return Overloaded(f"{entries} documents are queued already. Try again when workers have ingested some of them.")


def is_dead(lock: Path) -> bool:
    """Return True if no living worker holds the lock."""
    try:
        with lock.open("r") as file:
            # A shared lock, so that two processes that look at the same moment do not see each other.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True


def _is_required(document_field: Field[Any]) -> bool:
    return document_field.default is MISSING and document_field.default_factory is MISSING


def read_header(path: Path) -> dict[str, Any] | None:
    """Return the line of JSON, or None if the entry has moved meanwhile or is damaged."""
    try:
        with path.open("rb") as file:
            return parse_header(file.readline())
    except FileNotFoundError:
        return None


def parse_header(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object of the line, or None if it is damaged."""
    try:
        header = json.loads(line)
    except ValueError:
        return None
    return header if isinstance(header, dict) else None


def write_durably(draft: Path, target: Path, content: bytes) -> None:
    """Write a file in one step, flushed to disk; raises `Unavailable`."""
    try:
        with reporting_unwritable():
            replace_bytes(target, content, draft=draft)
    except Unavailable:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def reporting_unwritable() -> Iterator[None]:
    """Raise `Unavailable` if the block cannot write."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The inbox cannot write to RAG_DATA_DIR: {error.strerror}. Is the disk full?", upstream=str(error)
        ) from error
