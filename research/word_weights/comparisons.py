"""How much rankings by words depend on shards and on replaced points, and what the counts of a tenant cost (ADR 62)."""

import statistics
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import qdrant_edge as edge

from evals.datasets import Dataset
from evals.retrieval.measurement import evaluate
from rag.store.edge.optimization import optimize
from rag.store.edge.shard import Shard
from rag.types import Point, Scope
from research.word_weights.words import Ranking, fill, rank, rank_all, to_point

SHARDS_HEADER = (
    "| data | chunks | shards | same first hit | of ten in common | nDCG@10 (one shard) |\n|---|---|---|---|---|---|"
)
REPLACED_HEADER = "| words are counted in | largest difference of the best score | changed first hits |\n|---|---|---|"
COST_HEADER = "| chunks of the tenant | counts of the shard, ms | counts of the tenant, ms |\n|---|---|---|"
_SCOPE: Final = Scope(tenant="study")
_QUESTIONS: Final = 200
_BATCH: Final = 1_000
# The engine optimises a segment with 10 MB of vectors. Only then it keeps the words of deleted points.
_DIMENSION: Final = 768


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardLoss:
    """Rankings over several shards, compared with those of one shard."""

    data: str
    chunks: int
    shards: int
    same_first: float
    in_common: float
    ndcg: float
    ndcg_of_one: float

    def to_row(self) -> str:
        numbers = f"{self.same_first:.3f} | {self.in_common:.3f} | {self.ndcg:.3f} ({self.ndcg_of_one:.3f})"
        return f"| {self.data} | {self.chunks:,} | {self.shards} | {numbers} |"


def compare_shards(dataset: Dataset, folder: Path, *, chunks: int, shards: Sequence[int]) -> Iterator[ShardLoss]:
    """Yield a row for each number of shards, with the first chunks of the data set spread by a hash."""
    questions = dict(islice(dataset.questions.items(), _QUESTIONS))
    asked = replace(dataset, questions=questions, relevant={key: dataset.relevant[key] for key in questions})
    points = [to_point(it.id, it.markdown) for it in dataset.documents[:chunks]]
    one = _rank_questions(questions, _spread(points, 1, folder / "one"))
    for number in shards:
        many = _rank_questions(questions, _spread(points, number, folder / str(number)))
        yield ShardLoss(
            data=dataset.name,
            chunks=len(points),
            shards=number,
            same_first=statistics.mean(_names(many[key])[:1] == _names(one[key])[:1] for key in questions),
            in_common=statistics.mean(_share(many[key], one[key]) for key in questions),
            ndcg=_ndcg(asked, many),
            ndcg_of_one=_ndcg(asked, one),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedPoints:
    """Rankings after half of the points were replaced by equal ones, and before the deleted ones were removed."""

    counted: str
    difference: float
    changed: float

    def to_row(self) -> str:
        return f"| {self.counted} | {self.difference:.2f} | {self.changed:.3f} |"


def compare_replaced(dataset: Dataset, folder: Path, *, chunks: int) -> Iterator[ReplacedPoints]:
    """Yield a row for the counts of the shard and for those of the tenant."""
    questions = list(islice(dataset.questions.values(), _QUESTIONS))
    texts = {it.id: it.markdown for it in dataset.documents[:chunks]}
    vectors = np.random.default_rng(0).standard_normal((len(texts), _DIMENSION)).astype(np.float32)
    points = [to_point(name, text, vector=vector) for (name, text), vector in zip(texts.items(), vectors, strict=True)]
    fill(folder, [(_SCOPE, points)], dimension=_DIMENSION).close()
    optimize(folder)
    shard = edge.EdgeShard.load(str(folder))
    before = {
        by_tenant: [rank(shard, _SCOPE, it, by_tenant=by_tenant) for it in questions] for by_tenant in (False, True)
    }
    shard.close()
    shard = _replace_half(folder, texts, vectors)
    for by_tenant in (False, True):
        after = [rank(shard, _SCOPE, it, by_tenant=by_tenant) for it in questions]
        pairs = [(old, new) for old, new in zip(before[by_tenant], after, strict=True) if old and new]
        yield ReplacedPoints(
            counted="the tenant" if by_tenant else "the shard",
            difference=max(abs(old[0][0] - new[0][0]) for old, new in pairs),
            changed=statistics.mean(_names(old)[:1] != _names(new)[:1] for old, new in pairs),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Median time of a search by words."""

    chunks: int
    by_shard_ms: float
    by_tenant_ms: float

    def to_row(self) -> str:
        return f"| {self.chunks:,} | {self.by_shard_ms:.2f} | {self.by_tenant_ms:.2f} |"


def measure_cost(dataset: Dataset, folder: Path, *, chunks: Sequence[int]) -> Iterator[Cost]:
    """Yield a row for each tenant of one shard. The tenants have so many chunks, made of the data set's texts."""
    texts = [it.markdown for it in dataset.documents]
    questions = list(islice(dataset.questions.values(), _QUESTIONS))
    shard = fill(folder, _points_of_tenants(texts, chunks))
    for count in chunks:
        scope = Scope(tenant=f"tenant-{count}")
        yield Cost(
            chunks=count,
            by_shard_ms=_median_ms(shard, scope, questions, by_tenant=False),
            by_tenant_ms=_median_ms(shard, scope, questions, by_tenant=True),
        )


def _spread(points: Sequence[Point], number: int, folder: Path) -> list[edge.EdgeShard]:
    parts: list[list[Point]] = [[] for _ in range(number)]
    for point in points:
        parts[zlib.crc32(point.chunk.document_id.encode()) % number].append(point)
    return [fill(folder / str(shard), [(_SCOPE, part)]) for shard, part in enumerate(parts)]


def _rank_questions(questions: Mapping[str, str], shards: Sequence[edge.EdgeShard]) -> dict[str, Ranking]:
    # A shard of one tenant counts the same in both ways, so the cheaper one is taken.
    return {key: rank_all(shards, _SCOPE, text, by_tenant=False) for key, text in questions.items()}


def _replace_half(folder: Path, texts: Mapping[str, str], vectors: npt.NDArray[np.float32]) -> edge.EdgeShard:
    """Replace every second document as ingestion does, and return the shard before it is optimised."""
    shard = Shard.load(folder)
    for name, text in islice(texts.items(), 0, None, 2):
        shard.insert(_SCOPE, [to_point(name, text, version="v2", vector=vectors[0])])
        shard.commit(_SCOPE, to_point(name, "").chunk.document_id, "v2", order=None)
    shard.flush()
    shard.close()
    return edge.EdgeShard.load(str(folder))


def _points_of_tenants(texts: Sequence[str], chunks: Sequence[int]) -> Iterator[tuple[Scope, list[Point]]]:
    for count in chunks:
        for start in range(0, count, _BATCH):
            numbers = range(start, min(start + _BATCH, count))
            yield Scope(tenant=f"tenant-{count}"), [to_point(f"{it}", texts[it % len(texts)]) for it in numbers]


def _median_ms(shard: edge.EdgeShard, scope: Scope, questions: Sequence[str], *, by_tenant: bool) -> float:
    times = []
    for question in questions:
        began = time.perf_counter()
        rank(shard, scope, question, by_tenant=by_tenant)
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def _names(ranking: Ranking) -> list[str]:
    return [name for _, name in ranking]


def _share(ranking: Ranking, other: Ranking) -> float:
    found = set(_names(other))
    return len(found & set(_names(ranking))) / len(found) if found else 1.0


def _ndcg(dataset: Dataset, rankings: Mapping[str, Ranking]) -> float:
    run = {key: {name: score for score, name in ranking} for key, ranking in rankings.items()}
    return statistics.mean(evaluate(dataset, run)["nDCG@10"])
