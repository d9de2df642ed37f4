"""The folders of an embedded collection: one working shard, and published, immutable revisions.

store/writer.lock     locked by the one process that writes
store/working/        its shard, copied from the current revision when the writer opens
store/revisions/<n>/  published shards, each with its embedder in collection.json
store/current         the number of the current revision; a second line has the number of the fallback, if there is one
store/embedder.json   the embedder of a collection of schema 1, whose revisions have no collection.json

The fallback is the revision before the last change of the embedder or of the schema.
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

from rag.durable import replace_bytes, sync_folder, write_bytes
from rag.errors import Locked, NotFound, Unavailable
from rag.store.files import allocate_holes, copy_folder, files_of, require_free
from rag.store.schema import Origin, to_identity, to_metadata, to_origin
from rag.types import EmbedderIdentity

_METADATA = "collection.json"
_FIRST_METADATA = "embedder.json"
# Free space to keep: the engine writes through memory maps, so a full disk kills the process with SIGBUS.
_RESERVE_BYTES = 64 << 20
_COPY_TRIES = 5
# Payloads and sparse vectors, of which the engine reads only the parts that have data.
_READ_IN_PARTS = ("payload_storage", "store")


class Revisions:
    """Reads and switches revisions. Each switch is one atomic rename."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.working = root / "working"
        self._revisions = root / "revisions"

    def current(self) -> Path | None:
        """Return the published shard, or None before the first publication."""
        current, _ = self._pointers()
        return self._revisions / current if current else None

    def fallback(self) -> Path | None:
        """Return the revision before the last change of the embedder or the schema, or None."""
        _, fallback = self._pointers()
        return self._revisions / fallback if fallback else None

    def previous(self) -> Path | None:
        """Return the revision before the current one, which is kept because a reader may be opening it."""
        current = self.current()
        older = [number for number in self._numbers() if current and number < int(current.name)]
        return self._revisions / str(older[-1]) if older else None

    def stamp(self) -> tuple[int, int] | None:
        """Return a value that changes with every publication, even if the numbers start again at 1."""
        try:
            stat = (self._root / "current").stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(self._root / "current", error) from error
        return stat.st_ino, stat.st_mtime_ns

    def origin(self) -> Origin | None:
        """Return the schema and embedder of the current revision, or None before the first publication."""
        metadata = self._current_metadata()
        return None if metadata is None else to_origin(metadata)

    def embedder(self) -> EmbedderIdentity | None:
        """Return the embedder of the current revision, or None before the first publication.

        Raises `IndexMismatch` if the revision has another schema.
        """
        metadata = self._current_metadata()
        return None if metadata is None else to_identity(metadata)

    def unindexed(self) -> int:
        """Return the number of points in the current revision that its search graph does not contain."""
        return int((self._current_metadata() or {}).get("unindexed", 0))

    @contextmanager
    def write_lock(self) -> Iterator[None]:
        """Hold the lock of the only writer; raises `Locked`. The lock ends with its process."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "writer.lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                holder = file.read().strip() or "another process"
                raise Locked(
                    f"The collection in RAG_DATA_DIR is locked for writing by {holder}. Try again later, or let the "
                    "worker ingest the documents: `python -m ingest enqueue`."
                ) from error
            file.truncate(0)
            file.write(f"process {os.getpid()} since {datetime.now(UTC):%H:%M:%S} UTC")
            file.flush()
            yield

    def check_out(self) -> bool:
        """Replace the working shard by the current revision, or remove it and return False without a revision."""
        with _translated_errors():
            shutil.rmtree(self.working, ignore_errors=True)
            self._drop_all_but(*self._revisions_in_use())
            current = self.current()
            if current is None:
                return False
            copy_folder(current, self.working, reserve=_RESERVE_BYTES)
            allocate_holes(_mapped_files(self.working))  # Opening it for writing also reads it.
            return True

    def make_readable(self, revision: Path) -> None:
        """Raise `Unavailable` if the disk is so full that opening the revision could kill this process."""
        with _translated_errors():
            allocate_holes(_mapped_files(revision))

    def require_room(self) -> None:
        """Raise `Unavailable` if the disk is so full that writing the working shard could kill this process."""
        with _translated_errors():
            require_free(self._root, _RESERVE_BYTES)

    def publish(self, embedder: EmbedderIdentity, *, unindexed: int) -> None:
        """Copy the flushed working shard to a new revision and switch to it; raises `Unavailable` on a full disk."""
        with _translated_errors():
            before, fallback = self.current(), self.fallback()
            added = self._add(self.working, embedder, unindexed)
            self._point_to(added, fallback)
            self._drop_all_but(added, before, fallback)

    def replace_by(self, other: "Revisions") -> None:
        """Switch to the current revision of another collection, and make the previous revision the fallback."""
        published = other.current()
        if published is None:
            return
        with _translated_errors():
            before = self.current()
            added = self._add(published, to_identity(other._metadata_of(published)), other.unindexed())
            self._point_to(added, before)
            self._drop_all_but(added, before)

    def fallback_origin(self) -> Origin:
        """Return the schema and embedder of the fallback; raises `NotFound` without one."""
        return to_origin(self._metadata_of(self._require_fallback()))

    def roll_back(self) -> None:
        """Exchange the current revision and the fallback; raises `NotFound` without one."""
        fallback = self._require_fallback()
        with _translated_errors():
            self._point_to(fallback, self.current())

    def copy_to(self, target: "Revisions") -> EmbedderIdentity:
        """Copy the current revision to an empty collection and return its embedder; raises `NotFound`.

        The copy needs no lock. If later publications remove the revision meanwhile, the newest one is copied instead.
        """
        first = target._revisions / "1"
        with _translated_errors():
            for _ in range(_COPY_TRIES):
                copied = self.current()
                if copied is None:
                    raise NotFound(f"There is no collection in {self._root} yet.")
                try:
                    copy_folder(copied, first, reserve=_RESERVE_BYTES)
                except (OSError, shutil.Error):
                    if copied in self._revisions_in_use():
                        raise
                if copied in self._revisions_in_use():
                    target._point_to(first, None)
                    return to_identity(self._metadata_of(first))
                shutil.rmtree(first, ignore_errors=True)
        raise Unavailable(
            f"{self._root} could not be copied: each of {_COPY_TRIES} copies took longer than two publications. "
            "Stop the worker during the copy, or copy to a faster disk."
        )

    def copy_fallback_to(self, target: "Revisions", embedder: EmbedderIdentity) -> None:
        """Copy the fallback to an empty collection, if this embedder filled the fallback."""
        fallback, first = self.fallback(), target._revisions / "1"
        if fallback is None or target.current():
            return
        if not to_metadata(embedder).items() <= self._metadata_of(fallback).items():
            return
        with _translated_errors():
            shutil.rmtree(first, ignore_errors=True)  # A killed run may have left it.
            copy_folder(fallback, first, reserve=_RESERVE_BYTES)
            target._point_to(first, None)

    def _current_metadata(self) -> dict[str, Any] | None:
        """Return the metadata of the current revision, or None before the first publication."""
        current = self.current()
        while current:
            metadata = self._metadata_of(current)
            # Two later publications remove the revision, and then its metadata would be those of another program.
            before, current = current, self.current()
            if current == before:
                return metadata
        return None

    def _metadata_of(self, revision: Path) -> dict[str, Any]:
        if metadata := _read_metadata(revision / _METADATA):
            return metadata
        first = _read_metadata(self._root / _FIRST_METADATA)
        return {"embedder": first} if first else {}

    def _require_fallback(self) -> Path:
        fallback = self.fallback()
        if fallback is None or not fallback.is_dir():
            raise NotFound("There is no collection from before a switch, so nothing can be rolled back.")
        return fallback

    def _pointers(self) -> tuple[str, str]:
        """Return the names of the current revision and the fallback, or ""."""
        try:
            current, _, fallback = (self._root / "current").read_text().partition("\n")
        except FileNotFoundError:
            return "", ""
        except (OSError, ValueError) as error:
            raise _unreadable(self._root / "current", error) from error
        return current, fallback

    def _point_to(self, current: Path, fallback: Path | None) -> None:
        """Write both pointers in one rename, so that a crash cannot separate them."""
        names = f"{current.name}\n{fallback.name}" if fallback else current.name
        replace_bytes(self._root / "current", names.encode(), draft=self._root / "current.draft")

    def _add(self, shard: Path, embedder: EmbedderIdentity, unindexed: int) -> Path:
        self._revisions.mkdir(exist_ok=True)
        # After a rollback, the current number is not the highest, so it cannot be incremented.
        added = self._revisions / str(max(self._numbers(), default=0) + 1)
        draft = self._revisions / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        copy_folder(shard, draft, reserve=_RESERVE_BYTES)
        try:
            # A revision that readers cannot open must not be published.
            allocate_holes(_mapped_files(draft))
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        write_bytes(draft / _METADATA, json.dumps(to_metadata(embedder) | {"unindexed": unindexed}).encode())
        sync_folder(draft)
        draft.rename(added)
        sync_folder(self._revisions)
        return added

    def _numbers(self) -> list[int]:
        """Return the numbers of the published revisions, ascending."""
        if not self._revisions.is_dir():
            return []
        return sorted(int(path.name) for path in self._revisions.iterdir() if path.name.isdecimal())

    def _revisions_in_use(self) -> set[Path | None]:
        return {self.current(), self.fallback(), self.previous()}

    def _drop_all_but(self, *kept: Path | None) -> None:
        for path in self._revisions.iterdir() if self._revisions.is_dir() else ():
            if path not in kept:
                # A slow reader may be opening it and adding files. The next publication removes the rest.
                shutil.rmtree(path, ignore_errors=True)


def _mapped_files(shard: Path) -> Iterator[Path]:
    """Yield the files that the engine reads completely when it opens a shard."""
    for path in files_of(shard):
        if not (path.name.startswith("page_") and path.parent.name in _READ_IN_PARTS):
            yield path


def _read_metadata(file: Path) -> dict[str, Any]:
    try:
        metadata: dict[str, Any] = json.loads(file.read_text())
        return metadata
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error


def _unreadable(path: Path, error: Exception) -> Unavailable:
    return Unavailable("A file of the embedded store cannot be read.", upstream=f"{path}: {error}")


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, shutil.Error) as error:
        raise Unavailable("The embedded store cannot write. Is the disk full?", upstream=str(error)) from error
