"""A folder of backups: their names, the latest one, and the removal of old ones."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from ingest.backup.manifest import is_backup
from rag.errors import NotFound

_FORM = "%Y-%m-%dT%H%M%SZ"
# Folders with other names were made by an operator, and stay.
_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")


def next_backup(folder: Path) -> Path:
    """Return the path of a backup that is made now."""
    return folder / datetime.now(UTC).strftime(_FORM)


def find_latest(folder: Path) -> Path:
    """Return the newest complete backup in the folder; raises `NotFound` without one."""
    if backups := _list_backups(folder):
        return backups[-1]
    raise NotFound(f"There is no backup in {folder}. Make one: `python -m ingest backup {folder} --keep 14`.")


def delete_all_but(folder: Path, keep: int) -> list[Path]:
    """Delete all complete backups except the newest ones, and return what was deleted."""
    old = _list_backups(folder)[:-keep]
    for path in old:
        shutil.rmtree(path)
    return old


def _list_backups(folder: Path) -> list[Path]:
    """Return the complete backups that `next_backup` has named, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and is_backup(path))
