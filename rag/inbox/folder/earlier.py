"""Folder inboxes of earlier versions, and their conversion, one step per format.

Format 1 has other names and one worker:

queued/<put>.<key>      processing/<put>.<key>      rejected/<key>      worker.lock, locked by the worker

Format 2 has no folder for empty documents, and its entries have no charset, which then is "".
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import IndexMismatch, Locked
from rag.inbox.folder.files import FORMAT, Name, read_header, write_durably

_REJECTED = "rejected"
_STATES = ("queued", "processing")


def format_of(root: Path) -> int:
    """Return the format of the inbox in this folder. A missing or empty folder has today's."""
    if (root / _REJECTED).is_dir() or any(_entries_of_format_1(root)):
        return 1
    return 2 if (root / "queued").is_dir() and not (root / "empty").is_dir() else FORMAT


def require_current_format(root: Path) -> None:
    """Raise `IndexMismatch` if an earlier version wrote the inbox."""
    if (found := format_of(root)) != FORMAT:
        raise IndexMismatch(
            f"The inbox in {root} has format {found} of an earlier version, and this version needs {FORMAT}. "
            "Run `python -m ingest upgrade`, which keeps every entry."
        )


def count_earlier(root: Path) -> tuple[int, int]:
    """Return the number of waiting entries and of rejected documents that an upgrade from format 1 would convert."""
    return len(list(_entries_of_format_1(root))), len(list(_files_in(root / _REJECTED)))


def upgrade_inbox(root: Path) -> None:
    """Convert an inbox of any earlier format. A killed upgrade can be repeated.

    Raises `Locked` while a worker of format 1 runs.
    """
    if format_of(root) == 1:
        _upgrade_from_1(root)
    (root / "empty").mkdir(exist_ok=True)


def _upgrade_from_1(root: Path) -> None:
    """Move each entry by one rename."""
    with _without_worker(root):
        for state in ("incoming", "queued", "dead"):
            (root / state).mkdir(exist_ok=True)
        for path in list(_entries_of_format_1(root)):
            put, key = path.name.split(".")
            name = Name(due=int(put), put=int(put), attempts=0, key=key)
            path.rename(root / "queued" / str(name))
        for path in list(_files_in(root / _REJECTED)):
            _to_dead_letter(root, path)
        if (root / _REJECTED).is_dir():
            (root / _REJECTED).rmdir()


def _to_dead_letter(root: Path, path: Path) -> None:
    """Write the dead letter of a rejected document. Format 1 kept the reason, but not the document's bytes."""
    if header := read_header(path):
        failure = {"trace": "", "attempts": 1, "failed_at": path.stat().st_mtime}
        content = json.dumps(failure | header).encode() + b"\n"
        write_durably(root / "incoming" / path.name, root / "dead" / path.name, content)
    path.unlink()


def _entries_of_format_1(root: Path) -> Iterator[Path]:
    for state in _STATES:
        yield from (path for path in _files_in(root / state) if path.name.count(".") == 1)


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else iter(())


@contextmanager
def _without_worker(root: Path) -> Iterator[None]:
    with (root / "worker.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Locked(
                f"A worker of an earlier version uses {root}. Stop it and run `python -m ingest upgrade` again; "
                "uploads wait in the inbox meanwhile."
            ) from error
        yield
    (root / "worker.lock").unlink()
