"""A file, a folder with everything below it, or what a glob matches."""

import asyncio
import errno
import os
import stat
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from ingest.sources.base import Rejection, Unit, Unmodified
from ingest.sources.identity import document_id_of
from ingest.sources.selection import Selection
from ingest.sources.stepping import stepped
from rag.errors import InvalidInput, Unavailable
from rag.formats import KINDS, media_type_of
from rag.types import RawDocument

_IGNORE_FILE: Final = ".ragignore"
_MAX_IGNORE_BYTES: Final = 1_000_000
_MAGIC: Final = frozenset("*?[")
# A file system's clock ticks coarsely: a file that changed this recently may change again without another time.
_SETTLED_SECONDS: Final = 2
_PASSING: Final = {errno.EAGAIN, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT}


class FileSource:
    """Finds one file, or the files of known kinds below a folder, ordered by path within each folder.

    It covers what its rules let through: what is ignored, hidden or of another kind is neither taken in nor pruned.
    """

    def __init__(self, path: Path, *, max_bytes: int, ignore: Sequence[str] = ()) -> None:
        """`ignore` and the folder's `.ragignore` are in gitignore's syntax; raises InvalidInput for an empty path."""
        path, glob = (path, "") if _exists(path) else _split(path)
        if not _exists(path):
            raise InvalidInput(f"There is no file or folder {path}; check the spelling, or give its absolute path.")
        self._root = path.resolve()
        self._glob = glob
        self._selection = Selection(ignore=[*_ignored_by(self._root), *ignore], glob=glob)
        self._max_bytes = max_bytes
        self.passed_over = 0

    def count(self) -> int:
        """Lists the folders, reads no file."""
        return sum(1 for _ in self._paths())

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        is_empty = True
        self.passed_over = 0
        async for found in stepped(self._paths()):
            is_empty = False
            yield found if isinstance(found, Rejection) else self._to_unit(found)
        if is_empty and self._glob:
            yield Rejection(uri=f"{self._root.as_uri()}/{self._glob}", reason="no document matches this pattern")

    def covers(self, uri: str) -> bool:
        """What the path, the glob and the ignore rules let through."""
        root = self._root.as_uri()
        if not self._root.is_dir():
            return uri == root
        if not uri.startswith(root.rstrip("/") + "/"):
            return False
        path = Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path)))
        return self._selection.reaches(path.relative_to(self._root).as_posix())

    def _paths(self) -> Iterator[Path | Rejection]:
        return self._walk() if self._root.is_dir() else iter([self._root])

    def _walk(self) -> Iterator[Path | Rejection]:
        visited: set[tuple[int, int]] = set()
        waiting = [""]
        while waiting:
            relative = waiting.pop()
            path = self._root / relative
            try:
                status = path.stat()
                if not stat.S_ISDIR(status.st_mode):
                    yield path
                # A folder is entered once, by whichever name comes first: symbolic links can form loops.
                elif (status.st_dev, status.st_ino) not in visited:
                    visited.add((status.st_dev, status.st_ino))
                    waiting += reversed(self._entries_of_interest(path, relative))
            except OSError as error:
                yield Rejection(uri=path.as_uri(), reason=f"cannot be read: {error.strerror}")

    def _entries_of_interest(self, folder: Path, relative: str) -> list[str]:
        prefix = f"{relative}/" if relative else ""
        with os.scandir(folder) as entries:
            return sorted(prefix + entry.name for entry in entries if self._is_of_interest(entry, prefix + entry.name))

    def _is_of_interest(self, entry: os.DirEntry[str], relative: str) -> bool:
        if _is_folder(entry):
            return self._selection.enters(relative)
        self.passed_over += self._selection.passes_over(relative)
        return self._selection.takes(relative)

    def _to_unit(self, path: Path) -> Unit:
        uri = path.as_uri()
        return Unit(id=document_id_of(uri), uri=uri, fetch=partial(_fetch, path, self._max_bytes))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        # Such as a name that is longer than any can be, or a folder that may not be looked into.
        raise InvalidInput(f"{str(path)[:200]} cannot be opened: {error.strerror}.") from error


def _split(path: Path) -> tuple[Path, str]:
    """The folder in front of the first part with a wildcard, and the glob below it."""
    parts = path.parts
    first = next((number for number, part in enumerate(parts) if not _MAGIC.isdisjoint(part)), len(parts))
    return Path(*parts[:first]), "/".join(parts[first:])


def _ignored_by(root: Path) -> list[str]:
    try:
        return _read_at_most(root / _IGNORE_FILE, _MAX_IGNORE_BYTES).decode().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, UnicodeError, InvalidInput) as error:
        raise InvalidInput(f"{root / _IGNORE_FILE} cannot be read: {error}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # Such as a link to itself, which leads nowhere.
        return False


async def _fetch(path: Path, max_bytes: int, validator: str) -> RawDocument | Unmodified:
    return await asyncio.to_thread(_read, path, max_bytes, validator)


def _read(path: Path, max_bytes: int, validator: str) -> RawDocument | Unmodified:
    media_type = media_type_of(path.name)
    if media_type is None:
        raise InvalidInput(f"unknown kind of file; known are {KINDS}")
    try:
        state = _state_of(path, max_bytes)
        if state and state == validator:
            return Unmodified()
        body = _read_at_most(path, max_bytes)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise (Unavailable if error.errno in _PASSING else InvalidInput)(reason) from error
    uri = path.as_uri()
    return RawDocument(id=document_id_of(uri), uri=uri, media_type=media_type, body=body, validator=state)


def _state_of(path: Path, max_bytes: int) -> str:
    """A validator; nothing where the file changed a moment ago. Raises `InvalidInput` for what should not be read."""
    status = path.stat()
    _require_regular(status)
    if status.st_size > max_bytes:
        raise InvalidInput(f"larger than the limit of {max_bytes:,} bytes")
    if time.time() - max(status.st_mtime, status.st_ctime) < _SETTLED_SECONDS:
        return ""
    # Whoever sets the time of modification back still moves the time of change.
    return f"stat:{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def _read_at_most(path: Path, max_bytes: int) -> bytes:
    # Opening a named pipe would wait for ever, reading a device would never end; and it may be another file by now.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _require_regular(os.fstat(descriptor))
        # It may have grown since.
        body = file.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise InvalidInput(f"larger than the limit of {max_bytes:,} bytes")
    return body


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInput("not a regular file")
