"""The processor time of the client while it copies a collection to an archive and fills one from it (ADR 61)."""

import tempfile
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

from pydantic import HttpUrl

from rag.settings import ServerStoreSettings
from rag.store.archive import ArchiveReader
from rag.store.server.archiving import copy_to_archive, fill_from_archive
from rag.store.server.connection import open_client
from rag.store.server.reader import ServerReader
from rag.types import EmbedderIdentity
from research.archive.instant_server import DIMENSION, run_instant_server

HEADER = "| step | points | CPU seconds | points per CPU second | bytes per point |\n|---|---|---|---|---|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a backup and a restore."""

    step: str
    points: int
    seconds: float
    bytes: int

    def to_row(self) -> str:
        speed, size = self.points / self.seconds, self.bytes / self.points
        return f"| {self.step} | {self.points:,} | {self.seconds:.1f} | {speed:,.0f} | {size:,.0f} |"


async def measure_archive(*, documents: int, chunks: int) -> list[Step]:
    embedder = EmbedderIdentity(model="study", dimension=DIMENSION)
    with run_instant_server(documents=documents, chunks=chunks) as port, tempfile.TemporaryDirectory() as folder:
        settings = ServerStoreSettings(kind="server", url=HttpUrl("http://127.0.0.1"), grpc_port=port)
        archive = Path(folder) / "archive"
        async with open_client(settings) as client:
            copied = await _cpu_seconds(copy_to_archive(ServerReader(client, "study"), embedder, archive))
            size = sum(path.stat().st_size for path in archive.iterdir())
            filled = await _cpu_seconds(fill_from_archive(client, "study", ArchiveReader(archive)))
    points = documents * chunks
    return [
        Step(step="copy", points=points, seconds=copied, bytes=size),
        Step(step="fill", points=points, seconds=filled, bytes=size),
    ]


async def _cpu_seconds(work: Awaitable[object]) -> float:
    began = time.process_time()
    await work
    return time.process_time() - began
