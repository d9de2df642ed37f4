"""Brings everything that an earlier version stored to this version's formats, while the service goes on answering.

Each stored part has a number. A part that has an earlier number is converted and then switched in one step, so a
killed upgrade leaves the part as it was, or upgraded, and the next run continues.
"""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

import numpy as np

from ingest.migration.transfer import StoredVectors, transfer
from ingest.pipeline.preparation import parsed_by_earlier_version
from ingest.settings import Settings
from rag.errors import IndexMismatch
from rag.inbox.folder import earlier, files
from rag.settings import FolderInboxSettings
from rag.store.backend import AlreadyFilled
from rag.store.factory import build_backend
from rag.store.schema import SCHEMA
from rag.types import FIRST_CHUNKS, Scope

KEYS_FORMAT = 1
DRIFT_FORMAT = 1

# Half of what two idle cores reach, because a service runs beside it (docs/adr/0045-upgrades.md).
_CHUNKS_PER_SECOND = 500

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The work of an upgrade on one stored part."""

    part: str
    found: int | None
    """The number of the stored format. None: nothing is stored."""
    current: int
    work: str = ""
    """One sentence about what is converted. Empty if nothing is."""
    seconds: float = 0.0
    """Estimated duration."""
    remark: str = "nothing is stored"
    """The text if no format was found."""

    def to_text(self) -> str:
        if self.found is None:
            return self.remark
        if not self.work:
            return f"format {self.found} is current"
        return f"format {self.found} → {self.current}: {self.work}, about {max(1, round(self.seconds)):,} s"


class StoredPart(Protocol):
    """One part of the stored data."""

    async def plan(self) -> Plan:
        """Return what `upgrade` would do. Nothing is written.

        Raises `IndexMismatch` if a newer version or another program wrote the part.
        """

    async def upgrade(self, report: Report) -> None:
        """Bring the part to this version's format."""


def parts_of(settings: Settings) -> list[StoredPart]:
    """Return all stored parts of an installation, in the order of their upgrade."""
    folder = settings.data_dir
    return [
        CollectionPart(settings),
        InboxPart(settings),
        FilePart("API keys", folder / "keys.json", KEYS_FORMAT, _format_of_keys),
        FilePart("drift reference", folder / "drift" / "reference.npz", DRIFT_FORMAT, _format_of_reference),
    ]


class CollectionPart:
    """The collection, which is copied to the next one with its text and vectors."""

    def __init__(self, settings: Settings) -> None:
        self._backend = build_backend(settings.store, root=settings.store_dir)

    async def plan(self) -> Plan:
        origin = await self._backend.origin()
        if origin is None or origin.schema == SCHEMA:
            return Plan(part="collection", found=origin.schema if origin else None, current=SCHEMA)
        async with self._backend.open_earlier(origin.schema) as reader:
            survey = await reader.survey(since=0)
        return Plan(
            part="collection",
            found=origin.schema,
            current=SCHEMA,
            work=f"{survey.documents:,} documents with {survey.chunks:,} chunks are copied with their vectors",
            seconds=survey.chunks / _CHUNKS_PER_SECOND,
        )

    async def upgrade(self, report: Report) -> None:
        origin = await self._backend.origin()
        if origin is None:
            return
        with suppress(AlreadyFilled):  # Nothing is left to do, except for the remains of a killed upgrade.
            async with self._backend.open_migration(origin.embedder) as migration:
                await transfer(migration, StoredVectors(), report)


class InboxPart:
    """The folder inbox. In Redis, entries of every format are read as they are."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.inbox_dir if isinstance(settings.inbox, FolderInboxSettings) else None

    async def plan(self) -> Plan:
        if self._root is None:
            return Plan(part="inbox", found=files.FORMAT, current=files.FORMAT)
        found = earlier.format_of(self._root) if self._root.is_dir() else None
        if found in {None, files.FORMAT}:
            return Plan(part="inbox", found=found, current=files.FORMAT)
        waiting, rejected = earlier.count_earlier(self._root)
        work = "a folder for empty documents is added"
        if found == 1:
            work = f"{waiting:,} entries are renamed, and {rejected:,} rejected documents become dead letters"
        return Plan(part="inbox", found=found, current=files.FORMAT, work=work)

    async def upgrade(self, report: Report) -> None:
        if self._root is not None and earlier.format_of(self._root) != files.FORMAT:
            earlier.upgrade_inbox(self._root)
            report("inbox converted")


class FilePart:
    """A file whose format has not changed so far."""

    def __init__(self, name: str, path: Path, current: int, format_of: Callable[[Path], int]) -> None:
        self._name = name
        self._path = path
        self._current = current
        self._format_of = format_of

    async def plan(self) -> Plan:
        found, remark = None, f"{self._path} does not exist"
        try:
            found = self._format_of(self._path) if self._path.is_file() else None
        except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
            # The service reports it too. The other parts can be upgraded nevertheless.
            remark = f"{self._path} is damaged ({error}): restore it from a backup"
        if found is not None and found > self._current:
            raise IndexMismatch(
                f"This program is older than its data: {self._path} has format {found}, and this version reads formats "
                f"up to {self._current}. Use the newer version."
            )
        return Plan(part=self._name, found=found, current=self._current, remark=remark)

    async def upgrade(self, report: Report) -> None:
        """Do nothing: there is no earlier format."""


async def count_parsed_earlier(settings: Settings) -> Counter[str]:
    """Return the number of documents whose passages an earlier version's parsers made, by the scheme of their URI."""
    backend = build_backend(settings.store, root=settings.store_dir)
    origin = await backend.origin()
    counts: Counter[str] = Counter()
    if origin is None:
        return counts
    reading = backend.open_catalogue() if origin.schema == SCHEMA else backend.open_earlier(origin.schema)
    async with reading as reader:
        if reader is None:
            return counts
        for tenant in (await reader.survey(since=0)).tenants:
            async for chunk in reader.scroll(Scope(tenant=tenant), FIRST_CHUNKS):
                if parsed_by_earlier_version(chunk):
                    counts[chunk.uri.partition(":")[0]] += 1
    return counts


def _format_of_keys(path: Path) -> int:
    """Return the format of a key file. The first format is a list, which has no place for a number."""
    stored = json.loads(path.read_text())
    return int(stored.get("format", 0)) if isinstance(stored, dict) else 1


def _format_of_reference(path: Path) -> int:
    with np.load(path, allow_pickle=False) as arrays:
        return int(json.loads(str(arrays["header"]))["schema"])
