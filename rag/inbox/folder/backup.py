"""Copies waiting entries and dead letters of a folder inbox, while workers continue, and restores them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rag.inbox.folder.files import Name

# In the order in which entries move, and twice, so that an entry that moves meanwhile is not missed.
_STATES = ("queued", "processing", "dead", "empty") * 2
RestoredFile = tuple[Path, Path, Path]
"""Source, temporary target that no worker reads, and final target."""


def copy_entries(root: Path, target: Path) -> None:
    """Copy all entries. A claimed entry is copied as waiting, because its result may not be published yet."""
    copied: set[str] = set()
    for state in _STATES:
        target_state = "queued" if state == "processing" else state
        (target / target_state).mkdir(parents=True, exist_ok=True)
        for path in _entries(root / state):
            identity = f"{target_state}/{_identity(path.name)}"
            if identity in copied:
                continue
            try:
                shutil.copyfile(path, target / target_state / path.name)
            except FileNotFoundError:  # The entry has moved meanwhile.
                (target / target_state / path.name).unlink(missing_ok=True)
                continue
            copied.add(identity)


def entries_to_restore(source: Path, root: Path) -> Iterator[RestoredFile]:
    """Yield the files to restore. Existing entries stay. A document that is ingested twice does not change."""
    for state in ("queued", "dead", "empty"):
        (root / state).mkdir(parents=True, exist_ok=True)
        for path in _entries(source / state):
            target = root / state / path.name
            if not target.exists():
                yield path, root / "incoming" / f"{path.name}.{os.getpid()}", target


def _entries(folder: Path) -> Iterator[Path]:
    """Yield the entry files, also those in the folders of workers. A worker may remove its folder meanwhile."""
    with suppress(FileNotFoundError):
        for path in list(folder.iterdir()):
            if path.is_dir():
                yield from _entries(path)
            else:
                yield path


def _identity(name: str) -> str:
    """Return a name that an entry keeps in every state and after every attempt."""
    if "." not in name:
        return name
    entry = Name.parse(name)
    return f"{entry.put}.{entry.key}"
