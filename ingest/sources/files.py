"""A source of local files: one file, a folder with its subfolders, or the matches of a glob."""

import asyncio
import errno
import os
import stat
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes, urlsplit

from ingest.sources.base import Gone, Rejection, Unit, Unmodified, document_id_of, require_size
from ingest.sources.notes import SourceNotes
from ingest.sources.selection import Selection
from ingest.sources.threaded_iteration import iterate_in_threads
from rag.errors import InvalidInput, Unavailable
from rag.formats import FORMAT_NAMES, media_type_of
from rag.types import RawDocument

_IGNORE_FILE = ".ragignore"
_BROKEN_LINK = "Symbolic links point to a target that does not exist, so nothing below them was read."
_MAX_IGNORE_BYTES = 1_000_000
_WILDCARDS = frozenset("*?[")
# File times have a coarse resolution, so a file may change twice within it and keep the same time.
_TIME_RESOLUTION_SECONDS = 2
_TRANSIENT_ERRORS = {errno.EAGAIN, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT}


class FileSource:
    """A source of one file, or of the supported files below a folder, ordered by path within each folder.

    Ignored, hidden and unsupported files are neither ingested nor pruned.
    """

    def __init__(self, path: Path, *, max_bytes: int, ignore: Sequence[str] = (), images: bool = False) -> None:
        """Open the source; raises `InvalidInput` if the path does not exist.

        `ignore` and the folder's `.ragignore` hold patterns in gitignore syntax.
        `images` includes the images of a folder.
        """
        path, glob = (path, "") if _exists(path) else split_glob(path)
        if not _exists(path):
            raise InvalidInput(f"There is no file or folder {path}; check the spelling, or give its absolute path.")
        self._root = path.resolve()
        self._glob = glob
        self._selection = Selection(ignore=[*_ignored_by(self._root), *ignore], glob=glob, images=images)
        self._max_bytes = max_bytes
        self._listing = _Listing(self._root, self._selection)

    @property
    def notes(self) -> SourceNotes:
        return self._listing.notes

    def count(self) -> int:
        return sum(1 for _ in _Listing(self._root, self._selection).paths())

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        self._listing = _Listing(self._root, self._selection)
        is_empty = True
        async for path in iterate_in_threads(self._listing.paths()):
            is_empty = False
            yield path if isinstance(path, Rejection) else self._to_unit(path)
        if is_empty and self._glob:
            yield Rejection(uri=f"{self._root.as_uri()}/{self._glob}", reason="no supported file matches this pattern")

    def covers(self, uri: str) -> bool:
        """Return True if the path, the glob and the ignore rules include `uri`."""
        if not self._root.is_dir():
            return uri == self._root.as_uri()
        relative = relative_path(self._root, uri)
        return relative is not None and self._selection.includes_path(relative)

    async def is_gone(self, uri: str) -> bool:
        return await asyncio.to_thread(self._listing.has_seen_place_of, uri)

    def _to_unit(self, path: Path) -> Unit:
        uri = path.as_uri()
        return Unit(id=document_id_of(uri), uri=uri, fetch=partial(_fetch, path, self._max_bytes))


class _Listing:
    """One walk through the folder, with the paths whose content it could not see."""

    def __init__(self, root: Path, selection: Selection) -> None:
        self._root = root
        self._selection = selection
        self._device = _device_of(root)
        self._unlisted: set[str] = set()
        self.notes = SourceNotes()

    def paths(self) -> Iterator[Path | Rejection]:
        return self._walk() if self._root.is_dir() else iter([self._root])

    def has_seen_place_of(self, uri: str) -> bool:
        """Return True if the walk has seen the folder of this file, which is still mounted."""
        relative = relative_path(self._root, uri)
        if relative is None or _device_of(self._root) != self._device:
            return False
        return self._unlisted.isdisjoint({"", relative, *map(str, PurePosixPath(relative).parents)})

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
                # Each folder is visited once, under the first of its names: symbolic links can form loops.
                elif (status.st_dev, status.st_ino) not in visited:
                    visited.add((status.st_dev, status.st_ino))
                    waiting += reversed(self._selected_entries(path, relative))
            except OSError as error:
                if relative and not os.path.lexists(path):
                    # It was deleted since its folder was read.
                    continue
                self._unlisted.add(relative)
                yield Rejection(uri=path.as_uri(), reason=_reason_of(path, error))

    def _selected_entries(self, folder: Path, relative: str) -> list[str]:
        prefix = f"{relative}/" if relative else ""
        with os.scandir(folder) as entries:
            return sorted(prefix + entry.name for entry in entries if self._is_selected(entry, prefix + entry.name))

    def _is_selected(self, entry: os.DirEntry[str], relative: str) -> bool:
        if _is_folder(entry):
            kind = self._selection.excludes_folder(relative)
            is_selected = not kind and self._selection.requests_folder(relative)
        else:
            if media_type_of(relative) is None and self._is_broken_link_to_folder(entry, relative):
                self._unlisted.add(relative)
                self.notes.warn("unlisted", _BROKEN_LINK, Path(entry.path).as_uri())
                return False
            kind = self._selection.excludes_file(relative)
            is_selected = not kind and self._selection.requests_file(relative)
        if kind and relative != _IGNORE_FILE:
            self.notes.pass_over(kind, Path(entry.path).as_uri())
        return is_selected

    def _is_broken_link_to_folder(self, entry: os.DirEntry[str], relative: str) -> bool:
        """Return True for a link whose target is missing and may be a folder of the selection, as on another disk."""
        return entry.is_symlink() and self._selection.includes_folder(relative) and not Path(entry.path).exists()


def relative_path(root: Path, uri: str) -> str | None:
    """Return the path of a file URI below `root`, with `/` between its parts, or None if it is not below it."""
    if not uri.startswith(root.as_uri().rstrip("/") + "/"):
        return None
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path))).relative_to(root).as_posix()


def _device_of(root: Path) -> tuple[int, int] | None:
    """Return what changes when a disk is mounted or unmounted at this path."""
    try:
        status = root.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _reason_of(path: Path, error: OSError) -> str:
    if path.is_symlink() and error.errno == errno.ENOENT:
        return "a symbolic link whose target does not exist"
    return f"cannot be read: {error.strerror}"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        # For example, the name is too long or a folder on the way is not readable.
        raise InvalidInput(f"{str(path)[:200]} cannot be opened: {error.strerror}.") from error


def split_glob(path: Path) -> tuple[Path, str]:
    """Return the folder before the first part with a wildcard, and the glob below it."""
    parts = path.parts
    first = next((number for number, part in enumerate(parts) if not _WILDCARDS.isdisjoint(part)), len(parts))
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
        # For example, a symbolic link to itself.
        return False


async def _fetch(path: Path, max_bytes: int, validator: str) -> RawDocument | Unmodified:
    return await asyncio.to_thread(_read, path, max_bytes, validator)


def _read(path: Path, max_bytes: int, validator: str) -> RawDocument | Unmodified:
    media_type = media_type_of(path.name)
    if media_type is None:
        raise InvalidInput(f"unsupported file format; supported are {FORMAT_NAMES}")
    try:
        state = _state_of(path, max_bytes)
        if state and state == validator:
            return Unmodified()
        body = _read_at_most(path, max_bytes)
    except OSError as error:
        if not os.path.lexists(path):
            raise Gone("it was deleted or renamed since its folder was listed") from error
        reason = _reason_of(path, error)
        raise (Unavailable if error.errno in _TRANSIENT_ERRORS else InvalidInput)(reason) from error
    uri = path.as_uri()
    return RawDocument(id=document_id_of(uri), uri=uri, media_type=media_type, body=body, validator=state)


def _state_of(path: Path, max_bytes: int) -> str:
    """Return a validator, or "" if the file changed a moment ago; raises `InvalidInput` if it must not be read."""
    status = path.stat()
    _require_regular(status)
    require_size(status.st_size, max_bytes)
    if time.time() - max(status.st_mtime, status.st_ctime) < _TIME_RESOLUTION_SECONDS:
        return ""
    # Programs can reset the modification time, but that updates the change time.
    return f"stat:{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def _read_at_most(path: Path, max_bytes: int) -> bytes:
    # Without O_NONBLOCK, opening a named pipe would block for ever. The path may have been replaced since the listing.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _require_regular(os.fstat(descriptor))
        # The file may have grown since the size was checked.
        body = file.read(max_bytes + 1)
    require_size(len(body), max_bytes)
    return body


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInput("not a regular file")
