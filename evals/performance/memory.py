"""The memory of ingestion for corpora of different sizes, and the part of it that is the store's data."""

import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil

from ingest.commands.report import Summary
from ingest.pipeline.batching import open_batcher
from ingest.pipeline.pipeline import Pipeline
from ingest.pipeline.publishing import publish_now
from ingest.pipeline.source_pass import SourcePass
from ingest.resources import Models, open_models, open_store
from ingest.settings import Settings
from ingest.sources.base import Rejection, Unit
from rag.errors import BadResponse
from rag.settings import read_settings
from rag.store.base import Survey, VectorStore
from rag.types import (
    EVERYTHING,
    Chunk,
    ChunkFilter,
    DocumentId,
    Point,
    Query,
    RawDocument,
    Scope,
    ScoredChunk,
    StoredDocument,
    Vector,
)

EmbedderKind = Literal["model", "fake"]
"""The real embedder, or a fake one without a model behind the same port."""
StoreKind = Literal["edge", "none"]
"""The embedded store, or one that discards everything. Growth with the latter belongs to the pipeline."""

HEADER = (
    "| documents | embedder | store | chunks | seconds | ingesting process, MiB | anonymous part | file part "
    "| parsing processes, MiB | graph builder, MiB | total, MiB |\n|---|---|---|---|---|---|---|---|---|---|---|"
)
_SCOPE = Scope(tenant="default")
_SAMPLE_SECONDS = 0.2
_PUBLISH_EVERY = 10_000
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPeak:
    """The peak of each part, in MiB of resident memory."""

    documents: int
    embedder: EmbedderKind
    store: StoreKind
    chunks: int
    seconds: float
    process: float
    anonymous: float
    """What the process allocated itself. The file part is mapped: libraries and the store's data."""
    files: float
    parsers: float
    builder: float
    total: float

    def to_row(self) -> str:
        return (
            f"| {self.documents:,} | {self.embedder} | {self.store} | {self.chunks:,} | {self.seconds:.0f} "
            f"| {self.process:.0f} | {self.anonymous:.0f} | {self.files:.0f} | {self.parsers:.0f} "
            f"| {self.builder:.0f} | {self.total:.0f} |"
        )


def measure_memory(
    sizes: Sequence[int], embedders: Sequence[EmbedderKind], stores: Sequence[StoreKind]
) -> Iterator[MemoryPeak]:
    """Measure each combination in its own process. Documents are generated on demand, so they use no memory."""
    for embedder, store, size in itertools.product(embedders, stores, sizes):
        yield _measure(size, embedder, store)


def _measure(documents: int, embedder: EmbedderKind, store: StoreKind) -> MemoryPeak:
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "evals.performance.memory", str(documents), embedder, store, scratch]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        sampler = _PeakSampler(process.pid)
        thread = threading.Thread(target=sampler.run)
        thread.start()
        output, _ = process.communicate()
        sampler.ended.set()
        thread.join()
    if process.returncode != 0:
        raise BadResponse(f"The ingesting process failed with status {process.returncode}. Its output is above.")
    counts: dict[str, Any] = json.loads(output.splitlines()[-1])
    return MemoryPeak(documents=documents, embedder=embedder, store=store, **(counts | sampler.peak))


class _PeakSampler:
    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.peak: dict[str, float] = defaultdict(float)
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(_SAMPLE_SECONDS):
            try:
                self._sample()
            except psutil.Error:  # A process ended during the sample.
                continue

    def _sample(self) -> None:
        own = self._process.memory_info()
        parts = {"process": own.rss, "files": own.shared, "anonymous": own.rss - own.shared, "parsers": 0, "builder": 0}
        for child in self._process.children(recursive=True):
            part = "builder" if "qdrant_edge" in " ".join(child.cmdline()) else "parsers"
            parts[part] += child.memory_info().rss
        parts["total"] = parts["process"] + parts["parsers"] + parts["builder"]
        for part, size in parts.items():
            self.peak[part] = max(self.peak[part], round(size / _MIB, 1))


async def _ingest(
    documents: int, embedder_kind: EmbedderKind, store_kind: StoreKind, settings: Settings
) -> dict[str, Any]:
    summary = Summary()
    async with AsyncExitStack() as stack:
        models = await stack.enter_async_context(open_models(settings))
        if embedder_kind == "fake":
            embedder = _FakeEmbedder(models)
            models = replace(models, embedder=embedder, batcher=await stack.enter_async_context(open_batcher(embedder)))
        store: VectorStore = _NoStore()
        if store_kind == "edge":
            store = await stack.enter_async_context(open_store(settings, models))
        source_pass = SourcePass(Pipeline(store, models.batcher, models.parsers), _SCOPE, summary.add, remember=False)
        for start in range(0, documents, _PUBLISH_EVERY):
            await source_pass.ingest(_units(range(start, min(start + _PUBLISH_EVERY, documents))))
            await publish_now(store)
    return {"chunks": summary.chunks, "seconds": round(summary.seconds, 1)}


async def _units(numbers: range) -> AsyncIterator[Unit | Rejection]:
    for number in numbers:
        yield _unit(number)


def _unit(number: int) -> Unit:
    words = " ".join(f"word{(number * 7 + n * n) % 5_003}" for n in range(60))
    document_id, uri = DocumentId(f"{number:032x}"), f"memory:///{number}"

    async def fetch(_: str) -> RawDocument:
        body = f"# Document {number}\n\n{words}.".encode()
        return RawDocument(id=document_id, uri=uri, media_type="text/markdown", body=body)

    return Unit(id=document_id, uri=uri, fetch=fetch)


class _FakeEmbedder:
    """An embedder whose vectors are random numbers seeded by the text."""

    def __init__(self, models: Models) -> None:
        self.identity = models.embedder.identity
        self.batch_size = models.embedder.batch_size
        self.concurrency = models.embedder.concurrency

    async def embed_query(self, text: str) -> Vector:
        [vector] = await self.embed_passages([text])
        return vector

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        await asyncio.sleep(0)
        random = [np.random.default_rng(abs(hash(text))).standard_normal(self.identity.dimension) for text in texts]
        return [(vector / np.linalg.norm(vector)).astype(np.float32) for vector in random]


class _NoStore:
    """A store that accepts everything and stores nothing."""

    revision = ""

    async def search(
        self,
        scope: Scope,  # noqa: ARG002 - the port's names
        query: Query,  # noqa: ARG002
        *,
        limit: int,  # noqa: ARG002
        where: ChunkFilter = EVERYTHING,  # noqa: ARG002
    ) -> list[ScoredChunk]:
        return []

    async def scroll(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Chunk]:  # noqa: ARG002
        return
        yield

    async def documents(
        self,
        scope: Scope,  # noqa: ARG002
        where: ChunkFilter = EVERYTHING,  # noqa: ARG002
        *,
        newest_first: bool = False,  # noqa: ARG002
    ) -> AsyncIterator[StoredDocument]:
        return
        yield

    async def scroll_points(self, scope: Scope, where: ChunkFilter = EVERYTHING) -> AsyncIterator[Point]:  # noqa: ARG002
        return
        yield

    async def survey(self, *, since: float) -> Survey:  # noqa: ARG002
        return Survey(tenants=(), documents=0, chunks=0, recent_chunks=0, newest=None)

    async def stage(self, scope: Scope, points: Sequence[Point]) -> None:
        pass

    async def find_partial(self, scope: Scope, versions: Mapping[DocumentId, str]) -> set[DocumentId]:  # noqa: ARG002
        return set()

    async def commit(self, scope: Scope, document_id: DocumentId, version: str, *, order: int | None = None) -> None:
        pass

    async def delete(self, scope: Scope, document_id: DocumentId, *, order: int | None = None) -> None:
        pass

    async def publish(self) -> None:
        pass


if __name__ == "__main__":
    wanted, embedder_kind, store_kind, folder = sys.argv[1:]
    read = read_settings(Settings)
    scratch_dir = Path(folder)
    (scratch_dir / "models").symlink_to(read.models_dir.resolve())
    apart = read.model_copy(update={"data_dir": scratch_dir})
    print(json.dumps(asyncio.run(_ingest(int(wanted), embedder_kind, store_kind, apart))))  # type: ignore[arg-type]
