"""The inbox as a folder: one file per entry, and one rename per change of state.

incoming/             files that are being written
queued/               <due>.<put>.<attempts>.<key>: a line of JSON, then the document's bytes
processing/<worker>/  entries that this worker has claimed
workers/<worker>      locked by the worker while it lives; its content is the worker's report
dead/<key>            dead letters, whose line of JSON also has the reason
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rag.inbox.base import (
    MAX_ENTRIES,
    DeadLetter,
    InboxStatistics,
    Progress,
    Removal,
    Upload,
    WorkerReport,
    key_of,
)
from rag.inbox.folder.earlier import require_current_format
from rag.inbox.folder.files import (
    Name,
    inbox_full,
    is_dead,
    read_header,
    to_content,
    to_dead_letter,
    to_job,
    unknown_letter,
    write_durably,
)
from rag.types import DocumentId, Scope

_STATES = ("incoming", "queued", "processing", "workers", "dead")


class FolderInbox:
    """The sides of the service and of the operator."""

    def __init__(self, root: Path, *, max_entries: int = MAX_ENTRIES) -> None:
        self._root = root
        self._max_entries = max_entries
        for state in _STATES:
            (root / state).mkdir(parents=True, exist_ok=True)

    async def put(self, job: Upload | Removal) -> None:
        await asyncio.to_thread(self._put, job)

    async def progress(self, scope: Scope, document_id: DocumentId | None = None) -> list[Progress]:
        key = key_of(scope, document_id) if document_id is not None else None
        return await asyncio.to_thread(self._progress, scope, key)

    async def statistics(self) -> InboxStatistics:
        return await asyncio.to_thread(self._statistics)

    async def workers(self) -> list[WorkerReport]:
        return await asyncio.to_thread(self._workers)

    async def dead_letters(self) -> list[DeadLetter]:
        return await asyncio.to_thread(self._dead_letters)

    async def replay(self, letter_id: str) -> None:
        path = self._require(letter_id)
        active = {other.name.rpartition(".")[2] for other in (*self._queued(), *self._processing())}
        if path.name not in active:
            await self.put(to_job(await asyncio.to_thread(path.read_bytes)))
        path.unlink(missing_ok=True)

    async def drop(self, letter_id: str) -> None:
        self._require(letter_id).unlink(missing_ok=True)

    def _put(self, job: Upload | Removal) -> None:
        key, now = key_of(job.scope, job.document_id), time.time_ns()
        waiting = os.listdir(self._root / "queued")
        if len(waiting) >= self._max_entries:
            raise inbox_full(len(waiting))
        name = Name(due=now, put=now, attempts=0, key=key)
        draft = self._root / "incoming" / f"{name}.{os.getpid()}"
        write_durably(draft, self._root / "queued" / str(name), to_content(job))
        # Only the newest state of a document needs processing.
        for older in waiting:
            if older.endswith(key) and Name.parse(older).put < now:
                (self._root / "queued" / older).unlink(missing_ok=True)

    def _progress(self, scope: Scope, key: str | None) -> list[Progress]:
        """Return progress by document. A document that was enqueued again counts as queued."""
        progress: dict[str, Progress] = {}
        # States are listed one after the other, in the order in which entries move, so a moving entry is not missed.
        # The queue is listed again at the end, because a retried entry moves back.
        for state, listed in (
            ("queued", self._queued),
            ("processing", self._processing),
            ("rejected", self._dead),
            ("queued", self._queued),
        ):
            for path in listed():
                its_key = path.name.rpartition(".")[2]
                if its_key in progress or key not in (None, its_key):
                    continue
                header = read_header(path)
                if header and header["tenant"] == scope.tenant:
                    progress[its_key] = _to_progress(state, header)
        return list(progress.values())

    def _statistics(self) -> InboxStatistics:
        queued, processing = self._queued(), self._processing()
        # The queue is listed again, because retried entries and those of dead workers move back.
        queued = sorted({*queued, *self._queued()})
        oldest = min((Name.parse(path.name).put for path in (*queued, *processing)), default=None)
        return InboxStatistics(
            queued=len(queued),
            processing=len(processing),
            dead=len(self._dead()),
            oldest_seconds=max(0.0, time.time() - oldest / 1e9) if oldest else 0.0,
        )

    def _workers(self) -> list[WorkerReport]:
        return [_to_report(read_header(lock)) for lock in (self._root / "workers").iterdir() if not is_dead(lock)]

    def _dead_letters(self) -> list[DeadLetter]:
        letters = [to_dead_letter(path.name, header) for path in self._dead() if (header := read_header(path))]
        return sorted(letters, key=lambda letter: letter.failed_at)

    def _require(self, letter_id: str) -> Path:
        for path in self._dead():
            if path.name.startswith(letter_id):
                return path
        raise unknown_letter(letter_id)

    def _queued(self) -> list[Path]:
        return sorted((self._root / "queued").iterdir())

    def _processing(self) -> list[Path]:
        return sorted(_files_below(self._root / "processing"), key=lambda path: path.name)

    def _dead(self) -> list[Path]:
        return sorted((self._root / "dead").iterdir())


@asynccontextmanager
async def open_folder_inbox(root: Path) -> AsyncIterator[FolderInbox]:
    """Open the inbox; raises `IndexMismatch` if an earlier version wrote it."""
    require_current_format(root)
    yield FolderInbox(root)


def _files_below(folder: Path) -> Iterator[Path]:
    for below in folder.iterdir():
        try:
            yield from below.iterdir()
        except FileNotFoundError:  # The worker has removed its folder.
            continue


def _to_report(header: dict[str, Any] | None) -> WorkerReport:
    # A worker that has just started has not reported yet.
    return WorkerReport(**header) if header else WorkerReport()


def _to_progress(state: Any, header: dict[str, Any]) -> Progress:
    return Progress(document_id=header["document_id"], uri=header["uri"], state=state, reason=header.get("reason"))
