"""The folders of an embedded collection: one working shard, and published revisions that readers see whole.

store/writer.lock     held by the one process that writes
store/working/        its shard, made anew from the current revision whenever a writer opens
store/revisions/<n>/  published shards; nobody writes there any more; collection.json in each says who filled it
store/current         the number of the revision that readers should see
store/fallback        the number of the revision from before the last change of embedder, kept for going back
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.errors import Locked, NotFound, Unavailable
from rag.store.schema import to_identity, to_metadata
from rag.types import EmbedderIdentity

_PIECE_BYTES = 1 << 20
_KEPT_REVISIONS = 2  # The current one, and the one before for a reader in the middle of opening it.
_METADATA = "collection.json"


class Revisions:
    """Reads and switches revisions; every switch is one atomic rename."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.working = root / "working"

    def current(self) -> Path | None:
        """The published shard, or None before the first publication."""
        return self._pointed_to("current")

    def stamp(self) -> tuple[int, int] | None:
        """Changes with every publication, also when the numbering has begun anew."""
        try:
            stat = (self._root / "current").stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns

    def embedder(self) -> EmbedderIdentity | None:
        """Who filled the current revision, or None before the first publication."""
        current = self.current()
        return to_identity(_read_metadata(current)) if current else None

    def unindexed(self) -> int:
        """How many points of the current revision came in after its graph was built."""
        current = self.current()
        return int(_read_metadata(current).get("unindexed", 0)) if current else 0

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
        with _translated_errors():
            shutil.rmtree(self.working, ignore_errors=True)
            current = self.current()
            if current is None:
                return False
            _copy_shard(current, self.working)
            return True

    def publish(self, embedder: EmbedderIdentity, *, unindexed: int) -> None:
        """Copies the flushed working shard to a new revision and switches to it; `Unavailable` on a full disk."""
        with _translated_errors():
            self._switch_to(self._add(self.working, embedder, unindexed))
            self._drop_old()

    def replace(self, shard: Path, embedder: EmbedderIdentity, *, unindexed: int) -> None:
        """Switches to a shard that another embedder filled, and keeps the current revision for `roll_back`."""
        with _translated_errors():
            before = self.current()
            number = self._add(shard, embedder, unindexed)
            if before:
                _replace(self._root / "fallback", before.name)
            self._switch_to(number)
            self._drop_old()

    def fallback(self) -> Path | None:
        """The revision from before the last change of embedder, where it is kept."""
        return self._pointed_to("fallback")

    def roll_back(self) -> None:
        """Switches to the fallback, and makes what was current the fallback; raises `NotFound` without one."""
        current, fallback = self.current(), self.fallback()
        if current is None or fallback is None or not fallback.is_dir():
            raise NotFound("There is no collection from before a change of embedder to go back to.")
        with _translated_errors():
            _replace(self._root / "fallback", current.name)
            self._switch_to(int(fallback.name))

    def _pointed_to(self, pointer: str) -> Path | None:
        try:
            return self._root / "revisions" / (self._root / pointer).read_text()
        except FileNotFoundError:
            return None

    def _add(self, shard: Path, embedder: EmbedderIdentity, unindexed: int) -> int:
        revisions = self._root / "revisions"
        revisions.mkdir(exist_ok=True)
        # One more than any there is: after going back, the current one is not the highest.
        number = max((int(path.name) for path in revisions.iterdir() if path.name.isdecimal()), default=0) + 1
        draft = revisions / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        _copy_shard(shard, draft)
        (draft / _METADATA).write_text(json.dumps(to_metadata(embedder) | {"unindexed": unindexed}))
        draft.rename(revisions / str(number))
        _sync_folder(revisions)
        return number

    def _switch_to(self, number: int) -> None:
        _replace(self._root / "current", str(number))

    def _drop_old(self) -> None:
        current, fallback = self.current(), self.fallback()
        published = sorted(int(path.name) for path in (self._root / "revisions").iterdir() if path.name.isdecimal())
        kept = {str(number) for number in published[-_KEPT_REVISIONS:]}
        kept |= {path.name for path in (current, fallback) if path}
        for number in published:
            if str(number) not in kept:
                shutil.rmtree(self._root / "revisions" / str(number))


def _read_metadata(revision: Path) -> dict[str, Any]:
    try:
        metadata: dict[str, Any] = json.loads((revision / _METADATA).read_text())
        return metadata
    except FileNotFoundError:
        return {}


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
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    """A rename survives a power cut when its folder is on the disk too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, shutil.Error) as error:
        raise Unavailable(f"The embedded store cannot write: {error}. Is the disk full?") from error
