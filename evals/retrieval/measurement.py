"""Measures retrieval with the product's own ingestion and search; trec_eval computes the measures.

A document's rank is that of its best passage. Hybrid search weights each question as the service does. The service's
later selection (duplicates, passages per document) is left out, because the judgements count every document.
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import ir_measures
from ir_measures import RR, R, nDCG
from rich.progress import track

from evals.collection import SCOPE, open_collection, open_configured_embedder
from evals.datasets import Dataset
from evals.statistics import Interval, bootstrap
from rag.embedding.base import Embedder
from rag.store.base import StoreReader
from rag.store.factory import build_backend
from service.retrieval.retriever import Retriever
from service.settings import Settings

Ranking = Literal["dense", "bm25", "hybrid"]

MEASURES = {"nDCG@10": nDCG @ 10, "R@5": R @ 5, "R@10": R @ 10, "R@100": R @ 100, "MRR@10": RR @ 10}
_COLUMNS = ("mode", "questions", *MEASURES, "nDCG@10, 95 % interval", "p50")
HEADER = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"
_MAX_DOCUMENTS = 100
# Enough for a hundred documents with three passages each.
_MAX_PASSAGES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingResult:
    """The values of one ranking on one data set."""

    mode: Ranking
    values: Mapping[str, Sequence[float]]
    """Values of each question by measure, in the order of the data set."""
    p50: float
    """Median seconds per question, with its embedding."""

    def mean(self, measure: str) -> float:
        return statistics.fmean(self.values[measure])

    def interval(self, measure: str) -> Interval:
        return bootstrap(self.values[measure])

    def to_row(self) -> str:
        means = " | ".join(f"{self.mean(measure):.4f}" for measure in MEASURES)
        questions = len(self.values["nDCG@10"])
        interval = "{:.4f} to {:.4f}".format(*self.interval("nDCG@10"))
        return f"| {self.mode} | {questions} | {means} | {interval} | {self.p50 * 1000:.1f} ms |"

    def to_json(self) -> dict[str, Any]:
        means = {measure: self.mean(measure) for measure in MEASURES}
        intervals = {measure: self.interval(measure) for measure in MEASURES}
        return means | {"intervals": intervals, "questions": len(self.values["nDCG@10"]), "latency_p50": self.p50}


async def measure_retrieval(
    dataset: Dataset, modes: Sequence[Ranking], settings: Settings, *, whole: bool
) -> list[RankingResult]:
    """Ingest the corpus into a temporary collection and search for every question in each mode."""
    async with (
        open_collection(dataset.documents, settings, whole=whole) as apart,
        open_configured_embedder(apart) as embedder,
        build_backend(apart.store, root=apart.store_dir).open_reader(embedder.identity) as store,
    ):
        search = _Search(embedder, store, Retriever(store, apart.retrieval))
        return [await _measure(mode, dataset, search) for mode in modes]


@dataclass(frozen=True, slots=True)
class _Search:
    embedder: Embedder
    store: StoreReader
    retriever: Retriever


async def _measure(mode: Ranking, dataset: Dataset, search: _Search) -> RankingResult:
    run: dict[str, dict[str, float]] = {}
    seconds = []
    for question, text in track(dataset.questions.items(), mode):
        started = time.perf_counter()
        ranked = await _rank_documents(text, mode, search)
        seconds.append(time.perf_counter() - started)
        # In some data sets, questions are documents. A question's own document does not count.
        documents = [document for document in ranked if document != question][:_MAX_DOCUMENTS]
        run[question] = {document: float(-rank) for rank, document in enumerate(documents)}
    return RankingResult(mode=mode, values=evaluate(dataset, run), p50=statistics.median(seconds))


async def _rank_documents(text: str, mode: Ranking, search: _Search) -> list[str]:
    """Return document ids, best first."""
    vector = await search.embedder.embed_query(text)
    query = search.retriever.to_query(text, vector)
    if mode != "hybrid":
        query = replace(query, words_share={"dense": 0.0, "bm25": 1.0}[mode])
    hits = await search.store.search(SCOPE, query, limit=_MAX_PASSAGES)
    return list(dict.fromkeys(hit.chunk.document_id for hit in hits))


def evaluate(dataset: Dataset, run: Mapping[str, Mapping[str, float]]) -> dict[str, list[float]]:
    """Return the values of each question by measure, in the order of the data set."""
    values: dict[str, dict[str, float]] = {name: dict.fromkeys(dataset.questions, 0.0) for name in MEASURES}
    names = {measure: name for name, measure in MEASURES.items()}
    for metric in ir_measures.iter_calc(list(MEASURES.values()), dataset.relevant, run):
        values[names[metric.measure]][metric.query_id] = metric.value
    return {name: list(by_question.values()) for name, by_question in values.items()}
