"""The inbox as a folder: one file an entry, and a rename for every change of state.

incoming/             being written
queued/               <due>.<put>.<attempts>.<key>: a line of JSON, then the document's bytes
processing/<worker>/  claimed by that worker
workers/<worker>      locked by it for as long as it lives
dead/<key>            given up: the line of JSON has the reason, too
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rag.errors import NotFound, Overloaded
from rag.inbox.base import MOST_ENTRIES, DeadLetter, InboxStatistics, Progress, Removal, Upload
from rag.inbox.folder.files import Name, key_of, read_header, to_content, to_job, write_durably
from rag.types import DocumentId, Scope

_STATES = ("incoming", "queued", "processing", "workers", "dead")


class FolderInbox:
    """The half of who puts and asks, and of who looks after what failed."""

    def __init__(self, root: Path, *, max_entries: int = MOST_ENTRIES) -> None:
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

    async def dead_letters(self) -> list[DeadLetter]:
        return await asyncio.to_thread(self._dead_letters)

    async def replay(self, letter_id: str) -> None:
        path = self._require(letter_id)
        on_its_way = {other.name.rpartition(".")[2] for other in (*self._queued(), *self._processing())}
        if path.name not in on_its_way:
            await self.put(to_job(await asyncio.to_thread(path.read_bytes)))
        path.unlink(missing_ok=True)

    async def drop(self, letter_id: str) -> None:
        self._require(letter_id).unlink(missing_ok=True)

    def _put(self, job: Upload | Removal) -> None:
        key, now = key_of(job.scope, job.document_id), time.time_ns()
        waiting = os.listdir(self._root / "queued")
        if len(waiting) >= self._max_entries:
            raise Overloaded(f"{len(waiting)} documents wait already. Try again when some are taken in.")
        name = Name(due=now, put=now, attempts=0, key=key)
        draft = self._root / "incoming" / f"{name}.{os.getpid()}"
        write_durably(draft, self._root / "queued" / str(name), to_content(job))
        # Of several states of one document the newest is enough.
        for older in waiting:
            if older.endswith(key) and Name.parse(older).put < now:
                (self._root / "queued" / older).unlink(missing_ok=True)

    def _progress(self, scope: Scope, key: str | None) -> list[Progress]:
        """A document that is put again while it is processed, or after a rejection, counts as queued."""
        found: dict[str, Progress] = {}
        # Each listed only when the one before was read, in the order in which entries move, so that one that moves
        # meanwhile is met again, not missed. The queue once more: what a worker gives back moves the other way.
        for state, listed in (
            ("queued", self._queued),
            ("processing", self._processing),
            ("rejected", self._dead),
            ("queued", self._queued),
        ):
            for path in listed():
                its_key = path.name.rpartition(".")[2]
                if its_key in found or key not in (None, its_key):
                    continue
                header = read_header(path)
                if header and header["tenant"] == scope.tenant:
                    found[its_key] = _to_progress(state, header)
        return list(found.values())

    def _statistics(self) -> InboxStatistics:
        queued, processing = self._queued(), self._processing()
        # Once more: what a worker gives back, or a dead one is relieved of, has moved the other way meanwhile.
        queued = sorted({*queued, *self._queued()})
        oldest = min((Name.parse(path.name).put for path in (*queued, *processing)), default=None)
        return InboxStatistics(
            queued=len(queued),
            processing=len(processing),
            dead=len(self._dead()),
            oldest_seconds=max(0.0, time.time() - oldest / 1e9) if oldest else 0.0,
        )

    def _dead_letters(self) -> list[DeadLetter]:
        letters = [_to_letter(path.name, header) for path in self._dead() if (header := read_header(path))]
        return sorted(letters, key=lambda letter: letter.failed_at)

    def _require(self, letter_id: str) -> Path:
        for path in self._dead():
            if path.name.startswith(letter_id):
                return path
        raise NotFound(f"There is no dead letter {letter_id}; `python -m ingest dead-letter list` shows them.")

    def _queued(self) -> list[Path]:
        return sorted((self._root / "queued").iterdir())

    def _processing(self) -> list[Path]:
        return sorted(_files_below(self._root / "processing"), key=lambda path: path.name)

    def _dead(self) -> list[Path]:
        return sorted((self._root / "dead").iterdir())


@asynccontextmanager
async def open_folder_inbox(root: Path) -> AsyncIterator[FolderInbox]:
    yield FolderInbox(root)


def _files_below(folder: Path) -> Iterator[Path]:
    for below in folder.iterdir():
        try:
            yield from below.iterdir()
        except FileNotFoundError:  # Its worker has left.
            continue


def _to_progress(state: Any, header: dict[str, Any]) -> Progress:
    return Progress(document_id=header["document_id"], uri=header["uri"], state=state, reason=header.get("reason"))


def _to_letter(letter_id: str, header: dict[str, Any]) -> DeadLetter:
    return DeadLetter(
        id=letter_id,
        scope=Scope(tenant=header["tenant"]),
        document_id=header["document_id"],
        uri=header["uri"],
        kind=header["kind"],
        reason=header["reason"],
        trace=header["trace"],
        attempts=header["attempts"],
        failed_at=header["failed_at"],
    )
