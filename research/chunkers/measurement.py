"""Measures each chunker with dense and hybrid search, for several numbers of passages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.progress import track

from evals.statistics import Interval, bootstrap
from rag.embedding.base import Embedder
from research.chunkers.benchmark import Benchmark
from research.chunkers.chunkers import Cut
from research.chunkers.scores import Retrieved, Scores, precision_omega, score, union
from research.chunkers.search import Mode, Rankings, search_all

LIMITS = (3, 5, 6, 7, 8, 10, 12, 16, 20)
MEASURES = ("recall", "precision", "iou")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkingResult:
    """The scores of one chunker, one search mode and one number of passages."""

    chunker: str
    mode: Mode
    limit: int
    scores: Sequence[Scores]
    """Scores per question, in the benchmark's order."""
    corpora: Sequence[str]
    """The corpus of each question."""
    chunks: int
    characters: float
    """Mean length of a chunk."""
    omega: float
    """Mean precision-omega: the precision of a perfect retrieval with these chunks."""

    @property
    def name(self) -> str:
        return f"{self.chunker}, {self.mode}, {self.limit}"

    def values(self, measure: str, corpora: Sequence[str] | None = None) -> list[float]:
        return [
            getattr(scores, measure)
            for scores, corpus in zip(self.scores, self.corpora, strict=True)
            if corpora is None or corpus in corpora
        ]

    def mean(self, measure: str, corpora: Sequence[str] | None = None) -> float:
        values = self.values(measure, corpora)
        return sum(values) / len(values)

    def interval(self, measure: str) -> Interval:
        return bootstrap(self.values(measure))

    def to_json(self) -> dict[str, Any]:
        own = sorted(set(self.corpora))
        return {
            "chunker": self.chunker,
            "mode": self.mode,
            "limit": self.limit,
            "chunks": self.chunks,
            "characters": self.characters,
            **{measure: self.mean(measure) for measure in MEASURES},
            "precision_omega": self.omega,
            "intervals": {measure: self.interval(measure) for measure in MEASURES},
            "corpora": {name: {measure: self.mean(measure, [name]) for measure in MEASURES} for name in own},
        }


async def measure_chunking(
    benchmark: Benchmark, chunkers: Mapping[str, Cut], embedder: Embedder, *, cache: Path
) -> list[ChunkingResult]:
    """Measure all chunkers. Each takes minutes, unless `cache` has the vectors of its passages."""
    results = []
    for name, cut in track(chunkers.items(), "chunkers"):
        found = await search_all(benchmark, cut, embedder, depth=max(LIMITS), cache=cache)
        results += _score(name, benchmark, found)
    return results


def _score(chunker: str, benchmark: Benchmark, found: Rankings) -> list[ChunkingResult]:
    corpora = [question.corpus for question in benchmark.questions]
    spans = [span for own in found.chunks.values() for span in own]
    omega = [precision_omega(question, found.chunks) for question in benchmark.questions]
    return [
        ChunkingResult(
            chunker=chunker,
            mode=mode,
            limit=limit,
            scores=[
                score(question, assemble(chunker, ranking[:limit]))
                for question, ranking in zip(benchmark.questions, rankings, strict=True)
            ],
            corpora=corpora,
            chunks=len(spans),
            characters=sum(end - start for start, end in spans) / len(spans),
            omega=sum(omega) / len(omega),
        )
        for mode, rankings in found.rankings.items()
        for limit in LIMITS
    ]


def assemble(chunker: str, ranking: Sequence[Retrieved]) -> list[Retrieved]:
    """Merge overlapping windows around sentences. Chunks with overlap are counted twice, as in the publication."""
    if not chunker.startswith("sentence"):
        return list(ranking)
    by_corpus = groupby(sorted(ranking, key=lambda part: part.corpus), key=lambda part: part.corpus)
    return [
        Retrieved(corpus=corpus, span=span)
        for corpus, parts in by_corpus
        for span in union(part.span for part in parts)
    ]
