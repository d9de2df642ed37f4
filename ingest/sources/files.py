"""A file, or a folder with everything below it."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from ingest.sources.base import Rejection
from ingest.sources.identity import document_id_of
from rag.errors import InvalidInput
from rag.media import KNOWN_SUFFIXES, media_type_of
from rag.types import RawDocument

# What tools leave behind beside documents; hidden folders such as .git and .venv are never entered.
_JUNK_FOLDERS: Final = {"node_modules", "__pycache__", "site-packages", "venv"}


class FileSource:
    """Yields one file, or the files with a known suffix below a folder, ordered by path."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        """Raises InvalidInput where there is nothing at `path`."""
        if not path.exists():
            raise InvalidInput(f"There is no file or folder {path}; check the spelling, or give its absolute path.")
        self._root = path.resolve()
        self._max_bytes = max_bytes

    def count(self) -> int:
        """How many units `read` will yield; lists the folders, reads no file."""
        return sum(1 for _ in self._find())

    async def read(self) -> AsyncIterator[RawDocument | Rejection]:
        for found in await asyncio.to_thread(lambda: list(self._find())):
            if isinstance(found, Rejection):
                yield found
            else:
                yield await asyncio.to_thread(_read_file, found, self._max_bytes)

    def _find(self) -> Iterator[Path | Rejection]:
        return _walk(self._root) if self._root.is_dir() else iter([self._root])


def _walk(root: Path) -> Iterator[Path | Rejection]:
    visited: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        path = waiting.pop()
        try:
            status = path.stat()
            if not stat.S_ISDIR(status.st_mode):
                yield path
            # A folder is entered once, by whichever name comes first: symbolic links can form loops.
            elif (status.st_dev, status.st_ino) not in visited:
                visited.add((status.st_dev, status.st_ino))
                waiting += reversed(_entries_of_interest(path))
        except OSError as error:
            yield Rejection(uri=path.as_uri(), reason=f"cannot be read: {error.strerror}")


def _entries_of_interest(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if _is_of_interest(entry))


def _is_of_interest(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in _JUNK_FOLDERS:
        return False
    return media_type_of(entry.name) is not None or _is_folder(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # Such as a link to itself, which leads nowhere.
        return False


def _read_file(path: Path, max_bytes: int) -> RawDocument | Rejection:
    uri = path.as_uri()
    media_type = media_type_of(path.name)
    if media_type is None:
        return Rejection(uri=uri, reason=f"unknown kind of file; known are {', '.join(KNOWN_SUFFIXES)}")
    try:
        body = _read_at_most(path, max_bytes)
    except InvalidInput as error:
        return Rejection(uri=uri, reason=str(error))
    except OSError as error:
        return Rejection(uri=uri, reason=f"cannot be read: {error.strerror}")
    return RawDocument(id=document_id_of(uri), uri=uri, media_type=media_type, body=body)


def _read_at_most(path: Path, max_bytes: int) -> bytes:
    # Opening a named pipe would wait for ever, reading a device would never end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise InvalidInput("not a regular file")
    with path.open("rb") as file:
        body = file.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise InvalidInput(f"larger than the limit of {max_bytes:,} bytes")
    return body
