"""Measures the embedded engine with many points: loading, graph, disk, memory and searches (ADR 0033).

All points are loaded and searched without a graph first, then with one. A run can be resumed: published points stay in
the folder, and a killed run loads only the rest.
"""

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from evals.collection import open_configured_embedder
from rag.errors import BadResponse
from rag.store.edge.revisions import Revisions
from rag.store.edge.store import EdgeWriter, open_edge_writer
from rag.store.files import data_bytes
from rag.types import EmbedderIdentity
from research.engine_at_scale.peak_memory import PeakMemory, measure_peak
from research.engine_at_scale.search import ASKED, RECALL_AT, SearchTimes, read_searched
from research.engine_at_scale.synthetic import (
    BLOCK,
    CHUNKS_PER_DOCUMENT,
    TENANTS,
    SourceTexts,
    Vectors,
    chunk_id,
    find_neighbours,
    make_points,
    make_vectors,
    read_passages,
    scope_of,
)
from research.vectors import embed_once
from service.settings import Settings

LOADING_HEADER = (
    "| points | step | took | points/s | collection on disk | writer, peak RSS | graph builder, peak RSS |"
    "\n|---|---|---|---|---|---|---|"
)
_QUESTIONS = 200
_SEED = 6
_PUBLISH_EVERY = 100_000
_MIB = 1 << 20
_NEVER = sys.maxsize


StepName = Literal["loaded", "published", "graph built and published"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step on the collection, in seconds and MiB."""

    points: int
    step: StepName
    seconds: float
    rate: float | None
    disk: float
    writer: float
    builder: float

    def to_row(self) -> str:
        rate = "" if self.rate is None else f"{self.rate:,.0f}"
        return (
            f"| {self.points:,} | {self.step} | {self.seconds:.1f} s | {rate} "
            f"| {self.disk:,.0f} MiB | {self.writer:,.0f} MiB | {self.builder:,.0f} MiB |"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The source of the synthetic passages, and the questions."""

    source: SourceTexts
    questions: Sequence[str]
    vectors: Vectors
    """Vectors of the questions."""
    embedder: EmbedderIdentity


async def read_corpus(folders: Sequence[Path], settings: Settings) -> Corpus:
    """Embed the real passages and questions. It takes minutes the first time; the vectors are cached."""
    passages, questions = read_passages(folders)
    chosen = np.random.default_rng(_SEED).choice(len(questions), size=min(_QUESTIONS, len(questions)), replace=False)
    cache = settings.data_dir / "vectors"
    async with open_configured_embedder(settings) as embedder:
        vectors, asked = await embed_once(passages, embedder, cache), await embed_once(questions, embedder, cache)
        return Corpus(
            source=find_neighbours(passages, vectors),
            questions=[questions[at] for at in chosen],
            vectors=asked[chosen],
            embedder=embedder.identity,
        )


async def load(
    corpus: Corpus, folder: Path, *, points: int, publish_every: int = _PUBLISH_EVERY
) -> AsyncIterator[Step]:
    """Load points without a graph, and write the exact nearest points to the folder for `ask`."""
    exact = _ExactNeighbours(corpus)
    async with open_edge_writer(folder / "store", corpus.embedder, exact_up_to=_NEVER) as store:
        done = (await store.survey(since=0)).chunks
        for block in range(done // BLOCK):
            exact.add(block)
        for until in range((done // publish_every + 1) * publish_every, points + 1, publish_every):
            with measure_peak() as peak:
                started = time.monotonic()
                for block in range(done // BLOCK, until // BLOCK):
                    await _load_block(store, corpus.source, block)
                    exact.add(block)
                loaded = time.monotonic()
                yield _to_step(folder, until, "loaded", loaded - started, peak, added=until - done)
                await store.publish()
                yield _to_step(folder, until, "published", time.monotonic() - loaded, peak)
            done = until
    exact.write(folder)


async def build_graph(corpus: Corpus, folder: Path) -> AsyncIterator[Step]:
    """Build the graph, unless the collection has one."""
    if Revisions(folder / "store").unindexed() == 0:
        return
    async with open_edge_writer(folder / "store", corpus.embedder, exact_up_to=0) as store:
        points = (await store.survey(since=0)).chunks
        with measure_peak() as peak:
            started = time.monotonic()
            await store.publish()
            yield _to_step(folder, points, "graph built and published", time.monotonic() - started, peak)


def ask(folder: Path) -> list[SearchTimes]:
    """Search in a separate process, so that its memory is that of a reader."""
    command = [sys.executable, "-m", "research.engine_at_scale.search", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise BadResponse(f"The searching process failed with status {done.returncode}. Its error output is above.")
    return read_searched(done.stdout.splitlines()[-1])


async def _load_block(store: EdgeWriter, source: SourceTexts, block: int) -> None:
    for scope, points in make_points(source, block):
        await store.stage(scope, points)
        await store.commit(scope, points[0].chunk.document_id, points[0].chunk.version)
    print(f"{(block + 1) * BLOCK:,} points", file=sys.stderr, flush=True)


def _to_step(folder: Path, points: int, step: StepName, seconds: float, peak: PeakMemory, *, added: int = 0) -> Step:
    current = Revisions(folder / "store").current()
    return Step(
        points=points,
        step=step,
        seconds=seconds,
        rate=added / seconds if added else None,
        disk=data_bytes(current) / _MIB if current else 0.0,
        writer=peak.own,
        builder=peak.children,
    )


class _ExactNeighbours:
    """The exact nearest points of each question and tenant, computed by brute force."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        shape = len(TENANTS), len(corpus.questions), RECALL_AT
        self._best = np.full(shape, -2.0, dtype=np.float32)
        self._rows = np.zeros(shape, dtype=np.int64)

    def add(self, block: int) -> None:
        similarities = self._corpus.vectors @ make_vectors(self._corpus.source, block).T
        rows = np.arange(block * BLOCK, (block + 1) * BLOCK)
        owners = np.array([scope_of(int(row) // CHUNKS_PER_DOCUMENT).tenant for row in rows])
        for at, scope in enumerate(TENANTS):
            own = owners == scope.tenant
            self._merge(at, similarities[:, own], rows[own])

    def write(self, folder: Path) -> None:
        ids = [[[_id_of(int(row)) for row in best] for best in tenant] for tenant in self._rows]
        np.savez(
            folder / ASKED,
            questions=np.array(self._corpus.questions),
            vectors=self._corpus.vectors,
            tenants=np.array([scope.tenant for scope in TENANTS]),
            nearest=np.array(ids),
        )

    def _merge(self, at: int, similarities: npt.NDArray[np.float32], rows: npt.NDArray[np.int64]) -> None:
        every = np.concatenate([self._best[at], similarities], axis=1)
        known = np.concatenate([self._rows[at], np.broadcast_to(rows, similarities.shape)], axis=1)
        order = np.argsort(-every, axis=1)[:, :RECALL_AT]
        self._best[at], self._rows[at] = np.take_along_axis(every, order, 1), np.take_along_axis(known, order, 1)


def _id_of(row: int) -> str:
    return chunk_id(row // CHUNKS_PER_DOCUMENT, row % CHUNKS_PER_DOCUMENT)
