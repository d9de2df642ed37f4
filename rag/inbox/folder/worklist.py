"""The worker's side of the folder inbox, which any number of workers on one machine share."""

import asyncio
import fcntl
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import structlog

from rag.errors import IndexMismatch, Unavailable
from rag.inbox.base import DAMAGED, Entry, Removal, Upload, WorkerReport
from rag.inbox.folder.earlier import require_current_format
from rag.inbox.folder.files import REFUSED_SECONDS, Name, is_dead, to_content, to_job, write_durably
from rag.inbox.folder.inbox import FolderInbox
from rag.types import DocumentId, Scope

log = structlog.get_logger()

_POLL_SECONDS = 0.1
_RECLAIM_SECONDS = 1.0
_LISTING_SECONDS = 1.0
_DRAFT_SECONDS = 3600  # Longer than any upload takes to write.


class FolderWorklist:
    """Claims an entry by renaming it into the worker's folder. A worker is alive while it holds its lock."""

    def __init__(self, root: Path, worker: str) -> None:
        self._root = root
        self._worker = worker
        self._own = root / "processing" / worker
        self._own.mkdir()
        self._listing: list[str] = []
        self._listed = 0.0
        self._reclaimed = 0.0
        self._reported: WorkerReport | None = None

    async def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            self._reclaim()
            if any(Name.parse(name).due <= time.time_ns() for name in self._list()):
                return True
            if time.monotonic() >= deadline:
                return False
            self._listed = 0.0
            await asyncio.sleep(_POLL_SECONDS)

    async def claim(self) -> Entry | None:
        self._reclaim()
        for fresh in (False, True):
            if fresh:
                self._listed = 0.0
            busy = self._busy()
            for text in self._list():
                name = Name.parse(text)
                if name.due > time.time_ns():
                    break
                if name.key not in busy and (entry := await self._claim(text, name)):
                    return entry
        return None

    async def acknowledge(self, entry: Entry) -> None:
        key = Name.parse(entry.receipt).key
        for state in ("dead", "empty"):
            (self._root / state / key).unlink(missing_ok=True)
        (self._own / entry.receipt).unlink()

    async def set_aside(self, entry: Entry, *, reason: str) -> None:
        name = Name.parse(entry.receipt)
        line, end, _ = to_content(entry.job, reason=reason, order=name.put // 1000).partition(b"\n")
        write_durably(self._root / "incoming" / entry.receipt, self._root / "empty" / name.key, line + end)
        (self._root / "dead" / name.key).unlink(missing_ok=True)
        (self._own / entry.receipt).unlink()

    async def retry(self, entry: Entry, *, after: float, counts: bool = True) -> None:
        name = Name.parse(entry.receipt)
        due = time.time_ns() + int(after * 1e9)
        self._requeue(self._own / entry.receipt, name.after_attempts(name.attempts - (not counts), due=due))

    async def dead_letter(self, entry: Entry, *, reason: str, trace: str = "") -> None:
        self._write_dead_letter(entry.receipt, entry.job, reason=reason, trace=trace, attempts=entry.attempt)

    async def report(self, report: WorkerReport) -> None:
        # Readers see from the lock that the worker lives, so only a changed report is written.
        if report == self._reported:
            return
        try:
            # Overwritten and then shortened, because a new file may not fit on a full disk.
            with (self._root / "workers" / self._worker).open("r+") as file:
                file.write(json.dumps(asdict(report)))
                file.truncate()
        except OSError as error:
            raise Unavailable(f"The inbox cannot write to RAG_DATA_DIR: {error.strerror}.") from error
        self._reported = report

    def close(self) -> None:
        """Return all claims to the queue."""
        for path in list(self._own.iterdir()):
            name = Name.parse(path.name)
            self._requeue(path, name.after_attempts(name.attempts - 1, due=time.time_ns()))
        self._own.rmdir()

    async def _claim(self, text: str, name: Name) -> Entry | None:
        # Counted before the work, so that an entry that kills its workers becomes a dead letter in the end.
        claimed = name.after_attempts(name.attempts + 1, due=name.due)
        path = self._own / str(claimed)
        try:
            (self._root / "queued" / text).rename(path)
        except FileNotFoundError:  # Another worker claimed it first, or a newer state superseded it.
            return None
        if self._is_older_claimed_elsewhere(name):
            self._requeue(path, name)
            return None
        content = await asyncio.to_thread(path.read_bytes)
        try:
            order = name.put // 1000
            return Entry(receipt=str(claimed), job=to_job(content), attempt=claimed.attempts, order=order)
        except IndexMismatch as error:
            log.error("entry_refused", entry=text, reason=str(error))
            self._requeue(path, name.after_attempts(name.attempts, due=time.time_ns() + int(REFUSED_SECONDS * 1e9)))
            return None
        except (ValueError, KeyError) as error:
            log.error("entry_damaged", entry=text, error=type(error).__name__)
            job = Removal(scope=Scope(tenant="unknown"), document_id=DocumentId(name.key))
            self._write_dead_letter(str(claimed), job, reason=DAMAGED, trace=repr(error), attempts=1)
            return None

    def _list(self) -> list[str]:
        """Return the names in the queue, cached for a second: listing thousands for each claim would be slow."""
        if time.monotonic() - self._listed > _LISTING_SECONDS:
            self._listing = sorted(os.listdir(self._root / "queued"))
            self._listed = time.monotonic()
        return self._listing

    def _busy(self) -> set[str]:
        return {name.rpartition(".")[2] for _, name in self._claims()}

    def _is_older_claimed_elsewhere(self, name: Name) -> bool:
        return any(
            Name.parse(text).put < name.put
            for worker, text in self._claims()
            if text.endswith(name.key) and worker != self._worker
        )

    def _claims(self) -> Iterator[tuple[str, str]]:
        for worker in os.listdir(self._root / "processing"):
            with suppress(FileNotFoundError):
                for name in os.listdir(self._root / "processing" / worker):
                    yield worker, name

    def _requeue(self, path: Path, name: Name) -> None:
        queued = os.listdir(self._root / "queued")
        if any(text.endswith(name.key) and Name.parse(text).put > name.put for text in queued):
            path.unlink()
        else:
            path.rename(self._root / "queued" / str(name))
        self._listed = 0.0

    def _write_dead_letter(self, receipt: str, job: Upload | Removal, **failure: str | int) -> None:
        name = Name.parse(receipt)
        content = to_content(job, **failure, failed_at=time.time(), order=name.put // 1000)
        write_durably(self._root / "incoming" / receipt, self._root / "dead" / name.key, content)
        (self._root / "empty" / name.key).unlink(missing_ok=True)
        (self._own / receipt).unlink()

    def _reclaim(self) -> None:
        """Return the claims of dead workers to the queue, and delete abandoned drafts."""
        if time.monotonic() - self._reclaimed < _RECLAIM_SECONDS:
            return
        self._reclaimed = time.monotonic()
        for worker in os.listdir(self._root / "processing"):
            if worker != self._worker and is_dead(self._root / "workers" / worker):
                self._reclaim_from(self._root / "processing" / worker)
                (self._root / "workers" / worker).unlink(missing_ok=True)
        for draft in (self._root / "incoming").iterdir():
            with suppress(FileNotFoundError):
                if time.time() - draft.stat().st_mtime > _DRAFT_SECONDS:
                    draft.unlink()

    def _reclaim_from(self, folder: Path) -> None:
        with suppress(FileNotFoundError):  # Another worker reclaims the same folder.
            for path in list(folder.iterdir()):
                self._requeue(path, Name.parse(path.name))
            folder.rmdir()
            log.warning("entries_reclaimed", worker=folder.name)


@asynccontextmanager
async def open_folder_worklist(root: Path) -> AsyncIterator[FolderWorklist]:
    """Open the worklist. Claims end with this block, or with this process.

    Raises `IndexMismatch` if an earlier version wrote the inbox.
    """
    require_current_format(root)
    FolderInbox(root)
    worker = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    lock = root / "workers" / worker
    with lock.open("w") as file:
        # The lock must exist before the folder, because a folder without a lock belongs to a dead worker.
        fcntl.flock(file, fcntl.LOCK_EX)
        worklist = FolderWorklist(root, worker)
        try:
            yield worklist
        finally:
            worklist.close()
            lock.unlink(missing_ok=True)
