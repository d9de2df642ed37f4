"""What a backup says of itself: what it is of, what is in it, and the hash of every file."""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from ingest.backup.contents import Contents
from rag.errors import InvalidInput
from rag.store.schema import SCHEMA
from rag.types import EmbedderIdentity

Say = Callable[[str], None]

_NAME = "manifest.json"
_SAY_SECONDS = 5.0
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """One file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Of one backup."""

    made: str
    """When, in ISO 8601."""
    program: str
    """The version of this program that made it."""
    schema: int
    """Of the points, as the store counts it."""
    store: Literal["edge", "server"]
    inbox: Literal["folder", "redis"]
    """Only a folder is in the backup."""
    embedder: EmbedderIdentity
    contents: Contents
    files: dict[str, Sealed]

    @property
    def mebibytes(self) -> int:
        return sum(file.bytes for file in self.files.values()) >> 20


_Json = TypeAdapter(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Durably: with it the folder is a backup."""
    with (folder / _NAME).open("wb") as file:
        file.write(_Json.dump_json(manifest, indent=1))
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """Raises `InvalidInput` where the folder is no backup, or one of another generation of this program."""
    try:
        manifest = _Json.validate_json((folder / _NAME).read_bytes())
    except OSError as error:
        raise InvalidInput(f"{folder} is no backup: it has no readable {_NAME} ({error.strerror}).") from error
    except ValidationError as error:
        raise InvalidInput(
            f"{folder / _NAME} is damaged, or of another program: {error.errors()[0]['msg']}."
        ) from error
    if manifest.schema != SCHEMA:
        raise InvalidInput(
            f"The backup was made by version {manifest.program}, whose collections this version cannot read. "
            "Restore it with that version, or ingest the documents again."
        )
    return manifest


def require_whole(folder: Path, manifest: Manifest, say: Say) -> None:
    """Raises `InvalidInput` that names the first file that is missing or is not what was backed up."""
    for name, found in seal(folder, list(manifest.files), say).items():
        if found != manifest.files[name]:
            raise InvalidInput(f"The backup is damaged: {folder / name} is not what was backed up. Take another one.")


def seal(folder: Path, names: list[str], say: Say) -> dict[str, Sealed]:
    """Size and hash of each of these files; raises `InvalidInput` for one that cannot be read."""
    sealed: dict[str, Sealed] = {}
    said = time.monotonic()
    for name in names:
        try:
            sealed[name] = _seal(folder / name)
        except OSError as error:
            raise InvalidInput(f"The backup is damaged: {folder / name}: {error.strerror}.") from error
        if time.monotonic() - said > _SAY_SECONDS:
            said = time.monotonic()
            say(f"  {len(sealed)} of {len(names)} files, {sum(it.bytes for it in sealed.values()) >> 20:,} MiB")
    return sealed


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _seal(path: Path) -> Sealed:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
    return Sealed(bytes=size, sha256=digest.hexdigest())
