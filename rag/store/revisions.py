"""The folders of an embedded collection: one working shard, and published revisions that readers see whole.

store/writer.lock     held by the one process that writes
store/working/        its shard, made anew from the current revision whenever a writer opens
store/revisions/<n>/  published shards; nobody writes there any more; collection.json in each says who filled it
store/current         the number of the revision that readers should see; on a second line, where there is one, that of
                      the revision from before the last change of embedder, kept for going back
"""

import errno
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
_METADATA = "collection.json"
# Left free on the disk: the engine writes through memory maps, and where the disk is full the process dies of it.
_RESERVE_BYTES = 64 << 20


class Revisions:
    """Reads and switches revisions; every switch is one atomic rename."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.working = root / "working"

    def current(self) -> Path | None:
        """The published shard, or None before the first publication."""
        current, _ = self._pointers()
        return self._revisions / current if current else None

    def fallback(self) -> Path | None:
        """The revision from before the last change of embedder, where it is kept."""
        _, fallback = self._pointers()
        return self._revisions / fallback if fallback else None

    def previous(self) -> Path | None:
        """The revision before the current one, kept because a reader may be in the middle of opening it."""
        current = self.current()
        older = [number for number in self._numbers() if current and number < int(current.name)]
        return self._revisions / str(older[-1]) if older else None

    def stamp(self) -> tuple[int, int] | None:
        """Changes with every publication, also when the numbering has begun anew."""
        try:
            stat = (self._root / "current").stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(self._root / "current", error) from error
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
                raise Locked(
                    f"{self._root} is being written by {holder}. Try again when it is done, or leave the work to a "
                    "worker with `python -m ingest enqueue`."
                ) from error
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
            self._drop_all_but(self.current(), self.fallback(), self.previous())
            current = self.current()
            if current is None:
                return False
            self._copy(current, self.working)
            return True

    def require_room(self) -> None:
        """Raises `Unavailable` where the disk is so full that writing the working shard could kill this process."""
        with _translated_errors():
            _require_free(self._root, _RESERVE_BYTES)

    def publish(self, embedder: EmbedderIdentity, *, unindexed: int) -> None:
        """Copies the flushed working shard to a new revision and switches to it; `Unavailable` on a full disk."""
        with _translated_errors():
            before, fallback = self.current(), self.fallback()
            added = self._add(self.working, embedder, unindexed)
            self._point_to(added, fallback)
            self._drop_all_but(added, before, fallback)

    def replace(self, shard: Path, embedder: EmbedderIdentity, *, unindexed: int) -> None:
        """Switches to a shard that another embedder filled, and keeps the current revision for `roll_back`."""
        with _translated_errors():
            before = self.current()
            added = self._add(shard, embedder, unindexed)
            self._point_to(added, before)
            self._drop_all_but(added, before)

    def roll_back(self) -> None:
        """Switches to the fallback, and makes what was current the fallback; raises `NotFound` without one."""
        current, fallback = self.current(), self.fallback()
        if current is None or fallback is None or not fallback.is_dir():
            raise NotFound("There is no collection from before a change of embedder to go back to.")
        with _translated_errors():
            self._point_to(fallback, current)

    @property
    def _revisions(self) -> Path:
        return self._root / "revisions"

    def _pointers(self) -> tuple[str, str]:
        """The names of the current revision and of the fallback, "" where there is none."""
        try:
            current, _, fallback = (self._root / "current").read_text().partition("\n")
        except FileNotFoundError:
            return "", ""
        except (OSError, ValueError) as error:
            raise _unreadable(self._root / "current", error) from error
        return current, fallback

    def _point_to(self, current: Path, fallback: Path | None) -> None:
        """Both in one rename, so that a crash never leaves one without the other."""
        _replace(self._root / "current", f"{current.name}\n{fallback.name}" if fallback else current.name)

    def _add(self, shard: Path, embedder: EmbedderIdentity, unindexed: int) -> Path:
        self._revisions.mkdir(exist_ok=True)
        # One more than any there is: after going back, the current one is not the highest.
        added = self._revisions / str(max(self._numbers(), default=0) + 1)
        draft = self._revisions / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        self._copy(shard, draft)
        _replace(draft / _METADATA, json.dumps(to_metadata(embedder) | {"unindexed": unindexed}))
        draft.rename(added)
        _sync_folder(self._revisions)
        return added

    def _copy(self, source: Path, target: Path) -> None:
        """Leaves nothing behind where it fails: the rest of a full disk is needed for other things."""
        _require_free(self._root, _data_bytes(source) + _RESERVE_BYTES)
        try:
            shutil.copytree(source, target, copy_function=_copy_sparse)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise

    def _numbers(self) -> list[int]:
        """Of the published revisions, ascending."""
        if not self._revisions.is_dir():
            return []
        return sorted(int(path.name) for path in self._revisions.iterdir() if path.name.isdecimal())

    def _drop_all_but(self, *kept: Path | None) -> None:
        for path in self._revisions.iterdir() if self._revisions.is_dir() else ():
            if path not in kept:
                shutil.rmtree(path)


def _read_metadata(revision: Path) -> dict[str, Any]:
    try:
        metadata: dict[str, Any] = json.loads((revision / _METADATA).read_text())
        return metadata
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(revision / _METADATA, error) from error


def _unreadable(path: Path, error: Exception) -> Unavailable:
    return Unavailable(f"The embedded store cannot be read: {path}: {error}")


def _require_free(path: Path, wanted: int) -> None:
    free = shutil.disk_usage(path).free
    if free < wanted:
        raise OSError(errno.ENOSPC, f"{free >> 20} MiB are free, and {wanted >> 20} MiB are needed")


def _data_bytes(folder: Path) -> int:
    """What its files take on the disk, holes not counted."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


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
