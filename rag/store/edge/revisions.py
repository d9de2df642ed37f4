"""The folders of an embedded collection: one working shard, and published revisions that readers see whole.

store/writer.lock     resources by the one process that writes
store/working/        its shard, made anew from the current revision whenever a writer opens
store/revisions/<n>/  published shards; nobody writes there any more; collection.json in each says who filled it
store/current         the number of the revision that readers should see; on a second line, where there is one, that of
                      the revision from before the last change of embedder, kept for going back
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
from rag.store.files import copy_folder, replace_text, require_free, sync_folder
from rag.store.schema import to_identity, to_metadata
from rag.types import EmbedderIdentity

_METADATA = "collection.json"
# Left free on the disk: the engine writes through memory maps, and where the disk is full the process dies of it.
_RESERVE_BYTES = 64 << 20
_COPY_TRIES = 5


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
        """ResourcesDep by the one writer; `Locked` says which process has it. The lock ends with its process."""
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
            self._drop_all_but(*self._kept())
            current = self.current()
            if current is None:
                return False
            copy_folder(current, self.working, reserve=_RESERVE_BYTES)
            return True

    def require_room(self) -> None:
        """Raises `Unavailable` where the disk is so full that writing the working shard could kill this process."""
        with _translated_errors():
            require_free(self._root, _RESERVE_BYTES)

    def publish(self, embedder: EmbedderIdentity, *, unindexed: int) -> None:
        """Copies the flushed working shard to a new revision and switches to it; `Unavailable` on a full disk."""
        with _translated_errors():
            before, fallback = self.current(), self.fallback()
            added = self._add(self.working, embedder, unindexed)
            self._point_to(added, fallback)
            self._drop_all_but(added, before, fallback)

    def replace_by(self, other: "Revisions") -> None:
        """Switches to what another collection has published, and keeps the current revision for `roll_back`."""
        published, filled_by = other.current(), other.embedder()
        if published is None or filled_by is None:
            return
        with _translated_errors():
            before = self.current()
            added = self._add(published, filled_by, other.unindexed())
            self._point_to(added, before)
            self._drop_all_but(added, before)

    def fallback_embedder(self) -> EmbedderIdentity:
        """Who filled the fallback; raises `NotFound` without one."""
        return to_identity(_read_metadata(self._require_fallback()))

    def roll_back(self) -> None:
        """Switches to the fallback, and makes what was current the fallback; raises `NotFound` without one."""
        fallback = self._require_fallback()
        with _translated_errors():
            self._point_to(fallback, self.current())

    def copy_to(self, target: "Revisions") -> EmbedderIdentity:
        """The current revision, whole, as the first of an empty collection; `NotFound` where there is none.

        Without the lock: a revision that was dropped meanwhile, by the second publication after it, is copied anew.
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
                    if copied in self._kept():
                        raise
                if copied in self._kept():
                    target._point_to(first, None)
                    return to_identity(_read_metadata(first))
                shutil.rmtree(first, ignore_errors=True)
        raise Unavailable(
            f"{self._root} was published anew in less time than it takes to copy it, {_COPY_TRIES} times. "
            "Stop the worker for as long as the copy takes, or copy to a faster disk."
        )

    def copy_fallback_to(self, target: "Revisions", embedder: EmbedderIdentity) -> None:
        """As the first revision of a collection that is still empty, where there is one that this embedder filled."""
        fallback, first = self.fallback(), target._revisions / "1"
        if (
            fallback is None
            or target.current()
            or not to_metadata(embedder).items() <= _read_metadata(fallback).items()
        ):
            return
        with _translated_errors():
            shutil.rmtree(first, ignore_errors=True)  # What a killed one left.
            copy_folder(fallback, first, reserve=_RESERVE_BYTES)
            target._point_to(first, None)

    def _require_fallback(self) -> Path:
        fallback = self.fallback()
        if fallback is None or not fallback.is_dir():
            raise NotFound("There is no collection from before a switch to go back to.")
        return fallback

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
        replace_text(self._root / "current", f"{current.name}\n{fallback.name}" if fallback else current.name)

    def _add(self, shard: Path, embedder: EmbedderIdentity, unindexed: int) -> Path:
        self._revisions.mkdir(exist_ok=True)
        # One more than any there is: after going back, the current one is not the highest.
        added = self._revisions / str(max(self._numbers(), default=0) + 1)
        draft = self._revisions / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        copy_folder(shard, draft, reserve=_RESERVE_BYTES)
        replace_text(draft / _METADATA, json.dumps(to_metadata(embedder) | {"unindexed": unindexed}))
        draft.rename(added)
        sync_folder(self._revisions)
        return added

    def _numbers(self) -> list[int]:
        """Of the published revisions, ascending."""
        if not self._revisions.is_dir():
            return []
        return sorted(int(path.name) for path in self._revisions.iterdir() if path.name.isdecimal())

    def _kept(self) -> set[Path | None]:
        return {self.current(), self.fallback(), self.previous()}

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


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, shutil.Error) as error:
        raise Unavailable(f"The embedded store cannot write: {error}. Is the disk full?") from error
