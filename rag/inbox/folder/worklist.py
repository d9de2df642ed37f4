"""The worker's half of the folder inbox: any number of workers on one machine share it."""

import asyncio
import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from rag.inbox.base import Entry, Removal
from rag.inbox.folder.files import Name, to_content, to_job, write_durably
from rag.inbox.folder.inbox import FolderInbox
from rag.types import DocumentId, Scope

log = structlog.get_logger()

_POLL_SECONDS = 0.1
_RESCUE_SECONDS = 1.0
_LISTING_SECONDS = 1.0
_DRAFT_SECONDS = 3600


class FolderWorklist:
    """Claims by renaming into a folder of its own; whoever has its lock is alive."""

    def __init__(self, root: Path, worker: str) -> None:
        self._root = root
        self._worker = worker
        self._own = root / "processing" / worker
        self._own.mkdir()
        self._listing: list[str] = []
        self._listed = 0.0
        self._rescued = 0.0

    async def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            self._rescue()
            if any(Name.parse(name).due <= time.time_ns() for name in self._list()):
                return True
            if time.monotonic() >= deadline:
                return False
            self._listed = 0.0
            await asyncio.sleep(_POLL_SECONDS)

    async def claim(self) -> Entry | None:
        self._rescue()
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

    async def settle(self, entry: Entry) -> None:
        (self._root / "dead" / Name.parse(entry.receipt).key).unlink(missing_ok=True)
        (self._own / entry.receipt).unlink()

    async def retry(self, entry: Entry, *, after: float, counts: bool = True) -> None:
        name = Name.parse(entry.receipt)
        due = time.time_ns() + int(after * 1e9)
        self._give_back(self._own / entry.receipt, name.after_attempts(name.attempts - (not counts), due=due))

    async def bury(self, entry: Entry, *, reason: str, trace: str = "") -> None:
        content = to_content(entry.job, reason=reason, trace=trace, attempts=entry.attempt, failed_at=time.time())
        self._bury(entry.receipt, content)

    def close(self) -> None:
        """Gives back what is still claimed."""
        for path in list(self._own.iterdir()):
            name = Name.parse(path.name)
            self._give_back(path, name.after_attempts(name.attempts - 1, due=time.time_ns()))
        self._own.rmdir()

    async def _claim(self, text: str, name: Name) -> Entry | None:
        # Counted before the work: an entry that kills its worker gives out in the end.
        claimed = name.after_attempts(name.attempts + 1, due=name.due)
        path = self._own / str(claimed)
        try:
            (self._root / "queued" / text).rename(path)
        except FileNotFoundError:  # Another worker was quicker, or a newer state has taken its place.
            return None
        if self._is_older_claimed_elsewhere(name):
            self._give_back(path, name)
            return None
        content = await asyncio.to_thread(path.read_bytes)
        try:
            order = name.put // 1000
            return Entry(receipt=str(claimed), job=to_job(content), attempt=claimed.attempts, order=order)
        except (ValueError, KeyError) as error:
            log.error("entry_damaged", entry=text, reason=str(error))
            job = Removal(scope=Scope(tenant="unknown"), document_id=DocumentId(name.key))
            reason = "The entry is damaged: it cannot be told which document it is."
            self._bury(
                str(claimed), to_content(job, reason=reason, trace=repr(error), attempts=1, failed_at=time.time())
            )
            return None

    def _list(self) -> list[str]:
        """The names in the queue, read again when they are old: with thousands waiting, not for every claim."""
        if time.monotonic() - self._listed > _LISTING_SECONDS:
            self._listing = sorted(os.listdir(self._root / "queued"))
            self._listed = time.monotonic()
        return self._listing

    def _busy(self) -> set[str]:
        """The documents that somebody works on."""
        return {name.rpartition(".")[2] for _, name in self._claims()}

    def _is_older_claimed_elsewhere(self, name: Name) -> bool:
        return any(
            Name.parse(text).put < name.put
            for worker, text in self._claims()
            if text.endswith(name.key) and worker != self._worker
        )

    def _claims(self) -> Iterator[tuple[str, str]]:
        for worker in os.listdir(self._root / "processing"):
            try:
                names = os.listdir(self._root / "processing" / worker)
            except FileNotFoundError:
                continue
            for name in names:
                yield worker, name

    def _give_back(self, path: Path, name: Name) -> None:
        newer = any(
            text.endswith(name.key) and Name.parse(text).put > name.put for text in os.listdir(self._root / "queued")
        )
        if newer:
            path.unlink()
        else:
            path.rename(self._root / "queued" / str(name))
        self._listed = 0.0

    def _bury(self, receipt: str, content: bytes) -> None:
        name = Name.parse(receipt)
        write_durably(self._root / "incoming" / receipt, self._root / "dead" / name.key, content)
        (self._own / receipt).unlink()

    def _rescue(self) -> None:
        """Returns what dead workers had claimed, and clears drafts that nobody finishes."""
        if time.monotonic() - self._rescued < _RESCUE_SECONDS:
            return
        self._rescued = time.monotonic()
        for worker in os.listdir(self._root / "processing"):
            if worker != self._worker and _is_dead(self._root / "workers" / worker):
                self._rescue_from(self._root / "processing" / worker)
                (self._root / "workers" / worker).unlink(missing_ok=True)
        for draft in (self._root / "incoming").iterdir():
            try:
                if time.time() - draft.stat().st_mtime > _DRAFT_SECONDS:
                    draft.unlink()
            except FileNotFoundError:
                continue

    def _rescue_from(self, folder: Path) -> None:
        try:
            for path in list(folder.iterdir()):
                self._give_back(path, Name.parse(path.name))
            folder.rmdir()
        except FileNotFoundError:  # Another worker rescues it, too.
            return
        log.warning("entries_rescued", worker=folder.name)


@contextmanager
def open_folder_worklist(root: Path) -> Iterator[FolderWorklist]:
    """Claims live as long as this block, and no longer than this process."""
    FolderInbox(root)
    worker = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    lock = root / "workers" / worker
    with lock.open("w") as file:
        # The lock before the folder: a folder without a lock is a dead worker's.
        fcntl.flock(file, fcntl.LOCK_EX)
        worklist = FolderWorklist(root, worker)
        try:
            yield worklist
        finally:
            worklist.close()
            lock.unlink(missing_ok=True)


def _is_dead(lock: Path) -> bool:
    try:
        with lock.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
