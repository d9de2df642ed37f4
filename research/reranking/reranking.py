"""Compares rankings with and without a reranker, and measures its time (ADR 0024)."""

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.progress import track

from evals.collection import SCOPE, open_collection, open_configured_embedder
from evals.datasets import Dataset
from evals.retrieval.measurement import MEASURES, evaluate
from evals.statistics import Difference, compare
from rag.embedding.base import Embedder
from rag.errors import InvalidInput
from rag.store.base import StoreReader
from rag.store.factory import build_backend
from rag.types import ScoredChunk
from service.retrieval.reranking.budgeted import BudgetedReranker
from service.retrieval.reranking.factory import open_reranker
from service.retrieval.retriever import Retriever
from service.settings import LocalRerankerSettings, NoRerankerSettings, RerankerSettings, Settings

_COLUMNS = ("measure", "search alone", "reranked", "difference, 95 % interval")
HEADER = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"
_MAX_DOCUMENTS = 100
_TRAINING_CANDIDATES = 30
# The study measures the full effect, so the reranker has no time limit in practice.
_TIME_LIMIT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankingMeasure:
    """One measure over all questions."""

    measure: str
    alone: float
    reranked: float
    difference: Difference

    def to_row(self) -> str:
        return f"| {self.measure} | {self.alone:.4f} | {self.reranked:.4f} | {self.difference} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankingComparison:
    """All measures, and the time of the reranker."""

    model: str
    candidates: int
    results: Sequence[RerankingMeasure]
    p50: float
    """Median seconds of the reranker per question."""


async def measure_reranking(dataset: Dataset, training: Dataset | None, settings: Settings) -> RerankingComparison:
    """Compare the search with the configured reranker, or with a small one that is trained on `training` first.

    Raise `InvalidInput` if neither is given.
    """
    if training is None and isinstance(settings.reranker, NoRerankerSettings):
        raise InvalidInput("No reranker is configured. Set RAG_RERANKER__KIND, or train a small one with --train.")
    async with (
        open_collection(dataset.documents, settings, whole=True) as apart,
        open_configured_embedder(apart) as embedder,
        build_backend(apart.store, root=apart.store_dir).open_reader(embedder.identity) as store,
    ):
        retriever = Retriever(store, apart.retrieval)
        found = await _search_all(dataset, embedder, store, retriever)
        examples = await _search_all(training, embedder, store, retriever) if training else {}
    with tempfile.TemporaryDirectory() as scratch:
        chosen = _train(training, examples, Path(scratch) / "model") if training else settings.reranker
        return await _compare(dataset, found, chosen)


async def _search_all(
    dataset: Dataset, embedder: Embedder, store: StoreReader, retriever: Retriever
) -> dict[str, list[ScoredChunk]]:
    found = {}
    for question, text in track(dataset.questions.items(), f"searching ({dataset.split})"):
        query = retriever.to_query(text, await embedder.embed_query(text))
        hits = await store.search(SCOPE, query, limit=_MAX_DOCUMENTS)
        # In some data sets, questions are documents. A question's own document does not count.
        found[question] = [hit for hit in hits if hit.chunk.document_id != question]
    return found


def _train(training: Dataset, found: Mapping[str, Sequence[ScoredChunk]], target: Path) -> RerankerSettings:
    texts = {document.id: f"{document.title}\n{document.text}" for document in training.documents}
    candidates = {
        question: [hit.chunk.document_id for hit in hits[:_TRAINING_CANDIDATES]] for question, hits in found.items()
    }
    # Imported here, because torch takes five seconds to load and no other study of this program needs it.
    from research.reranking.cross_encoder import build_examples, train_cross_encoder  # noqa: PLC0415

    train_cross_encoder(build_examples(training.questions, training.relevant, candidates, texts), target)
    return LocalRerankerSettings(kind="local", model=str(target), runtime="torch")


async def _compare(
    dataset: Dataset, found: Mapping[str, Sequence[ScoredChunk]], settings: RerankerSettings
) -> RerankingComparison:
    async with aiohttp.ClientSession() as session, open_reranker(settings, session) as reranker:
        assert reranker is not None
        ordered, seconds = await _rerank_all(dataset, found, reranker)
        alone, reranked = evaluate(dataset, _to_run(found)), evaluate(dataset, _to_run(ordered))
        results = [
            RerankingMeasure(
                measure=measure,
                alone=statistics.fmean(alone[measure]),
                reranked=statistics.fmean(reranked[measure]),
                difference=compare(reranked[measure], alone[measure]),
            )
            for measure in MEASURES
        ]
        return RerankingComparison(
            model=reranker.model, candidates=reranker.candidates, results=results, p50=statistics.median(seconds)
        )


async def _rerank_all(
    dataset: Dataset, found: Mapping[str, Sequence[ScoredChunk]], reranker: BudgetedReranker
) -> tuple[dict[str, Sequence[ScoredChunk]], list[float]]:
    reranked: dict[str, Sequence[ScoredChunk]] = {}
    seconds = []
    for question, text in track(dataset.questions.items(), f"reranking by {reranker.model}"):
        started = time.perf_counter()
        reranked[question] = (await reranker.rerank(text, found[question], seconds=_TIME_LIMIT_SECONDS)).hits
        seconds.append(time.perf_counter() - started)
    return reranked, seconds


def _to_run(found: Mapping[str, Sequence[ScoredChunk]]) -> dict[str, dict[str, float]]:
    return {
        question: {hit.chunk.document_id: float(-rank) for rank, hit in enumerate(hits)}
        for question, hits in found.items()
    }
