"""The inbox as a folder: one file per entry, and one rename per change of state.

incoming/             files that are being written
queued/               <due>.<put>.<attempts>.<key>: a line of JSON, then the document's bytes
processing/<worker>/  entries that this worker has claimed
workers/<worker>      locked by the worker while it lives; its content is the worker's report
locks/<part of key>   locked while an entry of such a document is added; its content is their latest order
dead/<key>            dead letters, whose line of JSON also has the reason
empty/<key>           documents without text: such a line only
"""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from rag.errors import Unavailable
from rag.inbox.base import (
    MAX_ENTRIES,
    DeadLetter,
    InboxStatistics,
    Progress,
    ProgressState,
    Removal,
    Upload,
    WorkerReport,
    key_of,
)
from rag.inbox.folder.earlier import require_current_format
from rag.inbox.folder.files import (
    Name,
    changed_meanwhile,
    inbox_full,
    is_dead,
    read_header,
    reporting_unwritable,
    to_content,
    to_dead_letter,
    to_job,
    to_progress,
    to_report,
    unknown_letter,
    write_durably,
)
from rag.types import DocumentId, Scope

# The folder that format 2 lacks comes first, so that a process that is killed meanwhile leaves no inbox of that format.
_STATES = ("empty", "incoming", "queued", "processing", "workers", "dead", "locks")
# Stores keep orders in microseconds.
_ORDER_NANOSECONDS = 1000
# As many digits as in the name of an entry.
_ORDER_BYTES = 20
_Header = tuple[str, Progress]
"""The tenant of an entry, and its progress."""
_Keys = Collection[str] | None
"""The keys of the documents that a listing is about, or None for all documents."""


class FolderInbox:
    """The inbox as the service and the operator use it. Workers use `FolderWorklist`."""

    def __init__(self, root: Path, *, max_entries: int = MAX_ENTRIES) -> None:
        self._root = root
        self._max_entries = max_entries
        self._headers: dict[str, _Header] = {}
        """Headers by the part of a file's name that never changes, so that a listing opens only new files."""
        for state in _STATES:
            (root / state).mkdir(parents=True, exist_ok=True)

    async def put(self, job: Upload | Removal, *, expected: int | None = None) -> None:
        await asyncio.to_thread(self._put, job, expected)

    async def progress(self, scope: Scope, document_ids: Collection[DocumentId] | None = None) -> list[Progress]:
        keys = None if document_ids is None else {key_of(scope, document_id) for document_id in document_ids}
        return await asyncio.to_thread(self._progress, scope, keys)

    async def statistics(self) -> InboxStatistics:
        return await asyncio.to_thread(self._statistics)

    async def workers(self) -> list[WorkerReport]:
        return await asyncio.to_thread(self._workers)

    async def dead_letters(self) -> list[DeadLetter]:
        return await asyncio.to_thread(self._dead_letters)

    async def replay(self, letter_id: str) -> None:
        path = self._require(letter_id)
        _, letter = _identify(path)
        active = {_key_of(other.name) for other in (*self._queued(), *self._processing())}
        if path.name not in active:
            await self.put(to_job(await asyncio.to_thread(path.read_bytes)))
        # A worker may have ingested the document by now, and have written a new dead letter in this place.
        with suppress(FileNotFoundError):
            if _identify(path)[1] == letter:
                path.unlink()

    async def drop(self, letter_id: str) -> None:
        self._require(letter_id).unlink(missing_ok=True)

    def _put(self, job: Upload | Removal, expected: int | None) -> None:
        key = key_of(job.scope, job.document_id)
        with self._adding(key) as lock:
            if expected is not None and expected != self._latest_order(job.scope, key):
                raise changed_meanwhile()
            waiting = os.listdir(self._root / "queued")
            if len(waiting) >= self._max_entries:
                raise inbox_full(len(waiting))
            order = _next_order(lock)
            name = Name(due=time.time_ns(), put=order, attempts=0, key=key)
            draft = self._root / "incoming" / f"{name}.{os.getpid()}"
            write_durably(draft, self._root / "queued" / str(name), to_content(job))
            # Only the newest state of a document needs processing.
            for older in waiting:
                if older.endswith(key) and Name.parse(older).put < order:
                    (self._root / "queued" / older).unlink(missing_ok=True)

    @contextmanager
    def _adding(self, key: str) -> Iterator[int]:
        """Hold the lock for entries of this document, and yield its file descriptor.

        A few hundred documents share each lock, so locks stay few.
        """
        with reporting_unwritable():
            lock = os.open(self._root / "locks" / key[:2], os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock
        finally:
            os.close(lock)

    def _latest_order(self, scope: Scope, key: str) -> int:
        return next((progress.order for progress in self._progress(scope, {key})), 0)

    def _progress(self, scope: Scope, keys: _Keys) -> list[Progress]:
        """Return progress by document. A document that was enqueued again counts as queued."""
        progress: dict[str, Progress] = {}
        seen: dict[str, _Header] = {}
        # States are listed one after the other, in the order in which entries move, so a moving entry is not missed.
        # The queue is listed again at the end, because a retried entry moves back.
        listings: tuple[tuple[ProgressState, Callable[[_Keys], list[Path]]], ...] = (
            ("queued", self._queued),
            ("processing", self._processing),
            ("rejected", self._dead),
            ("empty", self._empty),
            ("queued", self._queued),
        )
        for state, listed in listings:
            for path in listed(keys):
                key = _key_of(path.name)
                if key not in progress and (known := self._read_header(path, seen)):
                    tenant, entry = known
                    if tenant == scope.tenant:
                        progress[key] = replace(entry, state=state)
        if keys is None:
            self._headers = seen
        return list(progress.values())

    def _read_header(self, path: Path, seen: dict[str, _Header]) -> _Header | None:
        """Return the header of the file, or None if the entry has moved meanwhile or is damaged."""
        try:
            order, identity = _identify(path)
        except FileNotFoundError:
            return None
        known = self._headers.get(identity)
        if known is None and (header := read_header(path)):
            order = int(header.get("order", order))
            known = header["tenant"], to_progress("queued", header, order=order)
        if known:
            seen[identity] = known
        return known

    def _statistics(self) -> InboxStatistics:
        queued, processing = set(_names_in(self._root / "queued")), [path.name for path in self._processing()]
        # The queue is listed again, because retried entries and those of dead workers move back.
        queued.update(_names_in(self._root / "queued"))
        oldest = min((int(name.split(".")[1]) for name in (*queued, *processing)), default=None)
        return InboxStatistics(
            queued=len(queued),
            processing=len(processing),
            dead=len(_names_in(self._root / "dead")),
            oldest_seconds=max(0.0, time.time() - oldest / 1e9) if oldest else 0.0,
        )

    def _workers(self) -> list[WorkerReport]:
        try:
            living = [lock for lock in (self._root / "workers").iterdir() if not is_dead(lock)]
            # A worker that has just started has not reported yet.
            return [to_report(read_header(lock) or {}) for lock in living]
        except OSError as error:
            raise Unavailable("The inbox in RAG_DATA_DIR cannot be read.", upstream=str(error)) from error

    def _dead_letters(self) -> list[DeadLetter]:
        letters = [to_dead_letter(path.name, header) for path in self._dead() if (header := read_header(path))]
        return sorted(letters, key=lambda letter: letter.failed_at)

    def _require(self, letter_id: str) -> Path:
        for path in self._dead():
            if path.name.startswith(letter_id):
                return path
        raise unknown_letter(letter_id)

    def _queued(self, keys: _Keys = None) -> list[Path]:
        """Return the entries, the latest first: a document has two while a newer one replaces the older one."""
        names = sorted(_names_in(self._root / "queued", keys), key=lambda name: name.partition(".")[2], reverse=True)
        return [self._root / "queued" / name for name in names]

    def _processing(self, keys: _Keys = None) -> list[Path]:
        claimed = _files_below(self._root / "processing")
        return sorted((path for path in claimed if _is_among(keys, path.name)), key=lambda path: path.name)

    def _dead(self, keys: _Keys = None) -> list[Path]:
        return [self._root / "dead" / name for name in sorted(_names_in(self._root / "dead", keys))]

    def _empty(self, keys: _Keys = None) -> list[Path]:
        return [self._root / "empty" / name for name in _names_in(self._root / "empty", keys)]


@asynccontextmanager
async def open_folder_inbox(root: Path) -> AsyncIterator[FolderInbox]:
    """Open the inbox; raises `IndexMismatch` if an earlier version wrote it."""
    require_current_format(root)
    yield FolderInbox(root)


def _next_order(lock: int) -> int:
    """Return the time in nanoseconds, or more than the latest order if the clock was set back; raises `Unavailable`.

    With a lower order than that of the version that is live, the store would remove the new version.
    """
    latest = os.pread(lock, _ORDER_BYTES, 0)
    order = max(time.time_ns(), (int(latest) if latest.isdigit() else 0) + _ORDER_NANOSECONDS)
    with reporting_unwritable():
        os.pwrite(lock, b"%0*d" % (_ORDER_BYTES, order), 0)
    return order


def _names_in(folder: Path, keys: _Keys = None) -> list[str]:
    """Return the names of entries of these documents. Anything more for each of 100,000 entries would take seconds."""
    return [name for name in os.listdir(folder) if _is_among(keys, name)]


def _is_among(keys: _Keys, name: str) -> bool:
    return keys is None or _key_of(name) in keys


def _key_of(name: str) -> str:
    return name.rpartition(".")[2]


def _files_below(folder: Path) -> Iterator[Path]:
    for below in folder.iterdir():
        with suppress(FileNotFoundError):  # The worker has removed its folder.
            yield from below.iterdir()


def _identify(path: Path) -> tuple[int, str]:
    """Return the order of an entry, and a name that it keeps as long as its content stays the same."""
    if "." in path.name:
        name = Name.parse(path.name)
        return name.put // 1000, f"{name.put}.{name.key}"
    # The file of a dead letter or of an empty document has the name of the document. A later one replaces it.
    changed = path.stat().st_mtime_ns
    return changed // 1000, f"{path.parent.name}.{changed}.{path.name}"
