"""An archive of points: plain files from which a collection of any server can be filled (ADR 61).

00001.jsonl.gz, …   one point on each line: its payload
00001.npy, …        the vectors of these points, one in each row
archive.json        written last: the metadata of the collection, and the versions that do not count

The archive does not depend on the version of the server, on its nodes or on its shards. Words and ids are derived from
the payload, and the server builds its graph itself.
"""

import gzip
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rag.durable import write_bytes
from rag.errors import InvalidInput
from rag.store.schema import UPSERT_BATCH
from rag.types import Vector

FORMAT = 1
"""Increment it if the files change."""
_HEADER = "archive.json"
# One file in memory: about 30 MB of text and 15 MB of vectors.
_POINTS_PER_FILE = UPSERT_BATCH * 80
# Text shrinks to a quarter. Higher levels take three times as long for a tenth less.
_COMPRESSION = 1

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class VersionKey:
    """One version of one document of one tenant."""

    tenant: str
    document_id: str
    version: str


def key_of(payload: Mapping[str, Any]) -> VersionKey:
    return VersionKey(payload["tenant"], payload["document_id"], payload["version"])


class ArchiveWriter:
    """Writes points to a new folder. Points of versions that were replaced meanwhile stay in the files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = 0
        self._payloads: list[bytes] = []
        self._vectors: list[Vector] = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, payload: Payload, vector: Vector) -> None:
        self._payloads.append(json.dumps(payload, ensure_ascii=False).encode())
        self._vectors.append(vector)
        if len(self._payloads) == _POINTS_PER_FILE:
            self._flush()

    def finish(self, metadata: Mapping[str, Any], dropped: set[VersionKey]) -> None:
        """Write the rest and the header. `dropped` are the versions that do not belong to the archive."""
        self._flush()
        rows = sorted([it.tenant, it.document_id, it.version] for it in dropped)
        header = {"format": FORMAT, "files": self._files, "metadata": metadata, "dropped": rows}
        write_bytes(self._folder / _HEADER, json.dumps(header).encode())

    def _flush(self) -> None:
        if not self._payloads:
            return
        self._files += 1
        lines, vectors = _paths_of(self._folder, self._files)
        write_bytes(lines, gzip.compress(b"\n".join(self._payloads), _COMPRESSION))
        with vectors.open("wb") as file:
            np.save(file, np.stack(self._vectors), allow_pickle=False)
            os.fsync(file.fileno())
        self._payloads, self._vectors = [], []


class ArchiveReader:
    """Reads a complete archive; raises `InvalidInput` if the folder is not one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            header = json.loads((folder / _HEADER).read_bytes())
        except OSError as error:
            raise InvalidInput(
                f"{folder} is not an archive of points: {_HEADER} cannot be read ({error.strerror}). A backup that "
                "holds a snapshot of one server is restored by the version that made it."
            ) from error
        if header["format"] != FORMAT:
            raise InvalidInput(
                f"The archive in {folder} has format {header['format']}, and this version reads {FORMAT}. "
                "Restore it with the version that made it."
            )
        self._files: int = header["files"]
        self._dropped = {VersionKey(*row) for row in header["dropped"]}
        self.metadata: Payload = header["metadata"]
        """The metadata of the archived collection."""

    def batches(self) -> Iterator[list[tuple[Payload, Vector]]]:
        """Yield all points that count, as many at a time as one write takes."""
        for number in range(1, self._files + 1):
            lines, vectors = _paths_of(self._folder, number)
            payloads = map(json.loads, gzip.decompress(lines.read_bytes()).split(b"\n"))
            rows = zip(payloads, np.load(vectors, allow_pickle=False), strict=True)
            counted = [row for row in rows if key_of(row[0]) not in self._dropped]
            for start in range(0, len(counted), UPSERT_BATCH):
                yield counted[start : start + UPSERT_BATCH]


def _paths_of(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / f"{number:05}.jsonl.gz", folder / f"{number:05}.npy"
