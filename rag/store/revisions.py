"""The folders of an embedded collection: one working shard, and published revisions that readers see whole.

store/writer.lock     held by the one process that writes
store/working/        its shard, made anew from the current revision whenever a writer opens
store/revisions/<n>/  published shards; nobody writes there any more
store/current         the number of the revision that readers should see
store/embedder.json   who filled the collection
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rag.errors import Locked
from rag.types import EmbedderIdentity

_PIECE_BYTES = 1 << 20
_KEPT_REVISIONS = 2  # The current one, and the one before for a reader in the middle of opening it, or for going back.


class Revisions:
    """Reads and switches revisions; every switch is one atomic rename."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.working = root / "working"

    def current(self) -> Path | None:
        """The published shard, or None before the first publication."""
        try:
            return self._root / "revisions" / (self._root / "current").read_text()
        except FileNotFoundError:
            return None

    def stamp(self) -> tuple[int, int] | None:
        """Changes with every publication, also when the numbering has begun anew."""
        try:
            stat = (self._root / "current").stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns

    def embedder(self) -> EmbedderIdentity | None:
        """Who filled the collection, or None before the first publication."""
        try:
            return EmbedderIdentity(**json.loads((self._root / "embedder.json").read_text()))
        except FileNotFoundError:
            return None

    @contextmanager
    def write_lock(self) -> Iterator[None]:
        """Held by the one writer; `Locked` says which process has it. The lock ends with its process."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "writer.lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                holder = file.read().strip() or "another process"
                raise Locked(f"{self._root} is being written by {holder}. Wait for it, or stop it.") from error
            file.truncate(0)
            file.write(f"process {os.getpid()} since {datetime.now(UTC):%H:%M:%S} UTC")
            file.flush()
            yield

    def check_out(self) -> bool:
        """Makes the working shard a copy of the current revision; False when there is none to copy.

        Whatever an interrupted writer left behind is dropped: it was never published.
        """
        shutil.rmtree(self.working, ignore_errors=True)
        current = self.current()
        if current is None:
            return False
        _copy_shard(current, self.working)
        return True

    def publish(self, embedder: EmbedderIdentity) -> None:
        """Copies the flushed working shard to a new revision and switches to it."""
        current = self.current()
        number = int(current.name) + 1 if current else 1
        revision = self._root / "revisions" / str(number)
        shutil.rmtree(revision, ignore_errors=True)
        _copy_shard(self.working, revision)
        _replace(self._root / "embedder.json", json.dumps(asdict(embedder)))
        _replace(self._root / "current", str(number))
        for old in revision.parent.iterdir():
            if old.name.isdecimal() and int(old.name) <= number - _KEPT_REVISIONS:
                shutil.rmtree(old)


def _copy_shard(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_copy_sparse)


def _copy_sparse(source: str, target: str) -> None:
    """Copies data and skips holes: a small shard is 13 MB of data in 123 MB of preallocated files."""
    with Path(source).open("rb") as reader, Path(target).open("wb") as writer:
        size = os.fstat(reader.fileno()).st_size
        writer.truncate(size)
        offset = 0
        while offset < size:
            try:
                start = os.lseek(reader.fileno(), offset, os.SEEK_DATA)
            except OSError:  # Nothing but a hole is left.
                break
            offset = os.lseek(reader.fileno(), start, os.SEEK_HOLE)
            reader.seek(start)
            writer.seek(start)
            for position in range(start, offset, _PIECE_BYTES):
                writer.write(reader.read(min(_PIECE_BYTES, offset - position)))
        writer.flush()
        os.fsync(writer.fileno())


def _replace(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
