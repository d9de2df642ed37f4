"""The manifest of a backup: where it is from, what the collection had, and the hash of every file."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from ingest.backup.profile import CollectionProfile
from rag.durable import write_bytes
from rag.errors import InvalidInput
from rag.store.schema import SCHEMA
from rag.types import EmbedderIdentity

_NAME = "manifest.json"
_REPORT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigest:
    """Size and hash of one file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of `manifest.json`; its field names are the file format."""

    made: str
    """Time of the backup in ISO 8601."""
    program: str
    """Version of this program that made the backup."""
    schema: int
    """Schema version of the store's points."""
    store: Literal["edge", "server"]
    inbox: Literal["folder", "redis"]
    """Only a folder inbox is part of the backup."""
    embedder: EmbedderIdentity
    contents: CollectionProfile
    files: dict[str, FileDigest]
    """By path relative to the folder of the backup."""

    @property
    def mebibytes(self) -> int:
        return sum(file.bytes for file in self.files.values()) >> 20


_Json = TypeAdapter(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest durably. It is written last, so a folder with a manifest is a complete backup."""
    write_bytes(folder / _NAME, _Json.dump_json(manifest, indent=1))


def is_backup(folder: Path) -> bool:
    """Return whether the folder is a complete backup."""
    return (folder / _NAME).is_file()


def read_manifest(folder: Path) -> Manifest:
    """Raise `InvalidInput` if the folder is not a backup, or if this version cannot read it."""
    try:
        manifest = _Json.validate_json((folder / _NAME).read_bytes())
    except OSError as error:
        raise InvalidInput(
            f"{folder} is not a backup: {_NAME} cannot be read ({error.strerror}). Name the folder that `backup` made."
        ) from error
    except ValidationError as error:
        raise InvalidInput(
            f"{folder / _NAME} is damaged or was written by another program: {error.errors()[0]['msg']}. "
            "Use another backup."
        ) from error
    if manifest.schema > SCHEMA:
        raise InvalidInput(f"This program is older than the backup. Restore it with version {manifest.program}.")
    if manifest.schema < SCHEMA:
        advice = {
            "edge": f"Copy {folder} to a new RAG_DATA_DIR, and run `python -m ingest upgrade` there.",
            "server": "Restore it with that version, then run `python -m ingest upgrade` with this version.",
        }
        raise InvalidInput(
            f"Version {manifest.program} made the backup, whose collection has the earlier schema {manifest.schema}. "
            f"{advice[manifest.store]}"
        )
    return manifest


def require_complete(folder: Path, manifest: Manifest, report: Callable[[str], None]) -> None:
    """Raise `InvalidInput` that names the first file that is missing or has changed since the backup."""
    for name, digest in digest_files(folder, list(manifest.files), report).items():
        if digest != manifest.files[name]:
            raise InvalidInput(
                f"The backup is damaged: {folder / name} has changed since the backup was made. Use another backup."
            )


def digest_files(folder: Path, names: list[str], report: Callable[[str], None]) -> dict[str, FileDigest]:
    """Return size and hash of each file; raises `InvalidInput` if one cannot be read."""
    digests: dict[str, FileDigest] = {}
    reported = time.monotonic()
    for name in names:
        try:
            digests[name] = _digest(folder / name)
        except OSError as error:
            raise InvalidInput(
                f"The backup is damaged: {folder / name}: {error.strerror}. Use another backup."
            ) from error
        if time.monotonic() - reported > _REPORT_SECONDS:
            reported = time.monotonic()
            report(f"  {len(digests)} of {len(names)} files, {sum(it.bytes for it in digests.values()) >> 20:,} MiB")
    return digests


def names_in(folder: Path) -> list[str]:
    """Return the relative paths of all files in the folder and its subfolders."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _digest(path: Path) -> FileDigest:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileDigest(bytes=file.tell(), sha256=digest.hexdigest())
