"""`python -m research.engine_at_scale.search FOLDER`: measures searches in the collection that `scale` loaded."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from rag.settings import read_settings
from rag.store.base import StoreReader
from rag.store.edge.revisions import Revisions
from rag.store.edge.store import open_edge_reader
from rag.types import Query, Scope, ScoredChunk, Vector
from research.engine_at_scale.synthetic import TENANTS
from service.metrics import ANSWER_STAGES
from service.retrieval.retriever import Retriever
from service.settings import Settings

ASKED = "asked.npz"
RECALL_AT = 10
SEARCHING_HEADER = (
    "| search | among | p50 | p95 | p99 | recall@10 | opened in | reader, RSS | anonymous part |"
    "\n|---|---|---|---|---|---|---|---|---|"
)
_WARMUP_QUESTIONS = 20
_MIB = 1 << 20
# Weight of BM25 in each mode.
_SHARES = {"dense": 0.0, "bm25": 1.0}
_HYBRID = "hybrid"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTimes:
    """Times of sequential searches in seconds, and memory afterwards in MiB."""

    mode: str
    points: int
    p50: float
    p95: float
    p99: float
    recall: float | None
    """Share of the ten nearest points that the search returns among its ten results. Dense mode only."""
    opening: float
    resident: float
    anonymous: float

    def to_row(self) -> str:
        times = " | ".join(f"{time * 1000:.1f} ms" for time in (self.p50, self.p95, self.p99))
        recall = "" if self.recall is None else f"{self.recall:.3f}"
        return (
            f"| {self.mode} | {self.points:,} | {times} | {recall} | {self.opening:.1f} s "
            f"| {self.resident:,.0f} MiB | {self.anonymous:,.0f} MiB |"
        )


def read_searched(line: str) -> list[SearchTimes]:
    return [SearchTimes(**row) for row in json.loads(line)]


async def _search_all(folder: Path) -> list[SearchTimes]:
    embedder = Revisions(folder / "store").embedder()
    if embedder is None:
        raise SystemExit(f"There is no collection in {folder}. Load one with `python -m research engine-at-scale`.")
    asked = np.load(folder / ASKED)
    rows: list[SearchTimes] = []
    started = time.perf_counter()
    async with open_edge_reader(folder / "store", embedder) as reader:
        opening = time.perf_counter() - started
        chunks = (await reader.survey(since=0)).chunks
        for mode in (*_SHARES, _HYBRID):
            for tenant, nearest in zip(asked["tenants"], asked["nearest"], strict=True):
                scope = Scope(tenant=str(tenant))
                durations, found = await search(reader, scope, mode, list(asked["questions"]), asked["vectors"])
                memory = psutil.Process().memory_info()
                p50, p95, p99 = (float(value) for value in np.percentile(durations[_WARMUP_QUESTIONS:], [50, 95, 99]))
                rows.append(
                    SearchTimes(
                        mode=mode,
                        points=round(chunks * TENANTS[scope]),
                        p50=p50,
                        p95=p95,
                        p99=p99,
                        recall=_recall(found, nearest) if mode == "dense" else None,
                        opening=opening,
                        resident=memory.rss / _MIB,
                        anonymous=(memory.rss - memory.shared) / _MIB,
                    )
                )
    return rows


async def search(
    reader: StoreReader, scope: Scope, mode: str, questions: Sequence[str], vectors: npt.NDArray[np.float32]
) -> tuple[list[float], list[Sequence[ScoredChunk]]]:
    """Return seconds and passages per question. Hybrid runs the product's complete retrieval after embedding."""
    settings = read_settings(Settings).retrieval
    retriever = Retriever(reader, settings)

    async def once(text: str, vector: Vector) -> Sequence[ScoredChunk]:
        if mode == _HYBRID:
            found = await retriever.retrieve(scope, text, vector, limit=settings.limit, timer=ANSWER_STAGES.start())
            return found.hits
        return await reader.search(scope, Query(text=text, vector=vector, words_share=_SHARES[mode]), limit=RECALL_AT)

    durations: list[float] = []
    found: list[Sequence[ScoredChunk]] = []
    for text, vector in zip(questions, vectors, strict=True):
        started = time.perf_counter()
        found.append(await once(str(text), vector))
        durations.append(time.perf_counter() - started)
    return durations, found


def _recall(found: Sequence[Sequence[ScoredChunk]], nearest: npt.NDArray[np.str_]) -> float:
    shares = [
        len({hit.chunk.id for hit in hits} & set(best)) / RECALL_AT for hits, best in zip(found, nearest, strict=True)
    ]
    return float(np.mean(shares))


if __name__ == "__main__":
    print(json.dumps([asdict(row) for row in asyncio.run(_search_all(Path(sys.argv[1])))]))
