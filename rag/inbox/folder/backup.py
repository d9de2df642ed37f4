"""What waits in a folder inbox and what was given up, copied while workers go on, and brought back."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rag.inbox.folder.files import Name

# Twice, in the order in which entries move: one that moves meanwhile is met again, not missed.
_STATES = ("queued", "processing", "dead") * 2
ToRestore = tuple[Path, Path, Path]
"""What is to be copied, the name under which nobody sees it, and the one that it takes in the end."""


def copy_entries(root: Path, target: Path) -> None:
    """What a worker has in hand is copied as waiting: whether it came to its end, the collection will show."""
    taken: set[str] = set()
    for state in _STATES:
        kept = "dead" if state == "dead" else "queued"
        (target / kept).mkdir(parents=True, exist_ok=True)
        for path in _entries(root / state):
            identity = f"{kept}/{_identity(path.name)}"
            if identity in taken:
                continue
            try:
                shutil.copyfile(path, target / kept / path.name)
            except FileNotFoundError:  # It has moved on.
                (target / kept / path.name).unlink(missing_ok=True)
                continue
            taken.add(identity)


def entries_to_restore(source: Path, root: Path) -> Iterator[ToRestore]:
    """Those that are there already stay; a worker that sees an entry twice takes it in once."""
    for state in ("queued", "dead"):
        (root / state).mkdir(parents=True, exist_ok=True)
        for path in _entries(source / state):
            target = root / state / path.name
            if not target.exists():
                yield path, root / "incoming" / f"{path.name}.{os.getpid()}", target


def _entries(folder: Path) -> Iterator[Path]:
    """Those of workers lie a folder deeper; a worker that has left meanwhile has none."""
    with suppress(FileNotFoundError):
        for path in list(folder.iterdir()):
            if path.is_dir():
                yield from _entries(path)
            else:
                yield path


def _identity(name: str) -> str:
    """The same for an entry in whatever state, however often it was tried."""
    if "." not in name:
        return name
    entry = Name.parse(name)
    return f"{entry.put}.{entry.key}"
