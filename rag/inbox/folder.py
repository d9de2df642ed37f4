"""The inbox as a folder: one file an entry, and a rename for every change of state.

incoming/    being written
queued/      <time>.<key>  a line of JSON, then the document's bytes; <key> stands for tenant and document
processing/  claimed
rejected/    <key>         the line of JSON, with the reason
"""

import asyncio
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.errors import Locked
from rag.inbox.base import Entry, Progress, Removal, Upload
from rag.types import DocumentId, Scope

_STATES = ("incoming", "queued", "processing", "rejected")


class FolderInbox:
    """Any number of processes may put; one worker claims."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for state in _STATES:
            (root / state).mkdir(parents=True, exist_ok=True)

    async def put(self, job: Upload | Removal) -> None:
        await asyncio.to_thread(self._put, job)

    async def claim(self) -> Entry | None:
        for queued in self._entries("queued"):
            claimed = self._root / "processing" / queued.name
            queued.rename(claimed)
            return Entry(receipt=queued.name, job=await asyncio.to_thread(_read, claimed))
        return None

    async def settle(self, entry: Entry, *, rejected: str | None = None) -> None:
        key = _key_of(entry.receipt)
        if rejected is None:
            (self._root / "rejected" / key).unlink(missing_ok=True)
        else:
            header = _to_header(entry.job) | {"reason": rejected}
            self._write(self._root / "rejected" / key, json.dumps(header).encode())
        (self._root / "processing" / entry.receipt).unlink()

    async def progress(self, scope: Scope, document_id: DocumentId | None = None) -> list[Progress]:
        key = _key(scope, document_id) if document_id is not None else None
        return await asyncio.to_thread(self._progress, scope, key)

    @contextmanager
    def only_worker(self) -> Iterator[None]:
        """Held by the worker; returns to the queue what a worker before it left unfinished. `Locked` for a second."""
        with (self._root / "worker.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Locked(f"Another worker serves {self._root}. One is enough for a folder.") from error
            self.requeue()
            yield

    def requeue(self) -> None:
        """Returns claimed entries to the queue, in their old places."""
        for interrupted in self._entries("processing"):
            interrupted.rename(self._root / "queued" / interrupted.name)

    def is_empty(self) -> bool:
        """Whether nothing waits; cheap enough to ask ten times a second."""
        return next((self._root / "queued").iterdir(), None) is None

    def _put(self, job: Upload | Removal) -> None:
        name = f"{time.time_ns():020d}.{_key(job.scope, job.document_id)}"
        body = job.body if isinstance(job, Upload) else b""
        self._write(self._root / "queued" / name, json.dumps(_to_header(job)).encode() + b"\n" + body)

    def _write(self, target: Path, content: bytes) -> None:
        draft = self._root / "incoming" / target.name
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(target)

    def _progress(self, scope: Scope, key: str | None) -> list[Progress]:
        """A document that is put again while it is processed, or after a rejection, counts as queued."""
        found: dict[str, Progress] = {}
        # In the order in which entries move, so that one that moves meanwhile is met again, not missed.
        for state in ("queued", "processing", "rejected"):
            for path in self._entries(state):
                if key not in (None, _key_of(path.name)):
                    continue
                header = _read_header(path)
                if header and header["tenant"] == scope.tenant:
                    found.setdefault(_key_of(path.name), _to_progress(state, header))
        return list(found.values())

    def _entries(self, state: str) -> list[Path]:
        return sorted((self._root / state).iterdir())


def _key(scope: Scope, document_id: DocumentId) -> str:
    return hashlib.sha256(f"{scope.tenant}\0{document_id}".encode()).hexdigest()[:32]


def _key_of(name: str) -> str:
    return name.rpartition(".")[2]


def _to_header(job: Upload | Removal) -> dict[str, Any]:
    common = {"tenant": job.scope.tenant, "document_id": job.document_id}
    match job:
        case Upload():
            return common | {"kind": "upload", "uri": job.uri, "media_type": job.media_type}
        case Removal():
            return common | {"kind": "removal", "uri": ""}


def _read(path: Path) -> Upload | Removal:
    line, _, body = path.read_bytes().partition(b"\n")
    header = json.loads(line)
    scope, document_id = Scope(tenant=header["tenant"]), DocumentId(header["document_id"])
    if header["kind"] == "removal":
        return Removal(scope=scope, document_id=document_id)
    return Upload(scope=scope, document_id=document_id, uri=header["uri"], media_type=header["media_type"], body=body)


def _read_header(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            header: dict[str, Any] = json.loads(file.readline())
            return header
    except FileNotFoundError:  # It moved on in the meantime.
        return None


def _to_progress(state: Any, header: dict[str, Any]) -> Progress:
    return Progress(document_id=header["document_id"], uri=header["uri"], state=state, reason=header.get("reason"))
