"""Sentences about files that this user may not read or write."""

import errno
import os
from pathlib import Path

_DENIED = os.strerror(errno.EACCES)


def describe_denial(path: Path, reason: str = _DENIED) -> str:
    """Return a sentence about a denied access: which file, which right is missing, and what to do."""
    user = os.geteuid()
    existing = [it for it in (path, *path.absolute().parents) if os.access(it, os.F_OK)]
    closed = next((folder for folder in reversed(existing) if folder.is_dir() and _lacks(folder, os.X_OK)), None)
    denied, right = (closed, "entered") if closed else (path, "read" if _lacks(path, os.R_OK) else "written")
    owner = (closed or existing[0]).stat().st_uid
    return (
        f"{denied} cannot be {right} by user {user}: {reason}. It belongs to user {owner}, who can run "
        f"`chown -R {user} {denied}`. Or set RAG_DATA_DIR, or RAG_MODELS_PATH for models, to a folder of user {user}. "
        f"In a container, mount a volume or a folder that belongs to user {user}."
    )


def find_denied(folder: Path) -> Path | None:
    """Return a file or folder in `folder` that this user may not read and write, or None."""
    return next((it for it in (folder, *folder.rglob("*")) if _lacks(it, os.R_OK | os.W_OK)), None)


def _lacks(path: Path, right: int) -> bool:
    return os.access(path, os.F_OK) and not os.access(path, right, effective_ids=True)
