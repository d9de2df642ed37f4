"""How well documents are found: the product's own ingestion and search, counted by trec_eval.

A document's rank is that of its best passage. Hybrid weighs each question as the service does; what the service does
with the list after that (duplicates, shares of documents) is left out, as judgements count every document.
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import ir_measures
from ir_measures import RR, R, nDCG
from rich.progress import track

from evals.collection import SCOPE, open_collection
from evals.datasets import Dataset
from evals.statistics import Interval, bootstrap
from rag.embedding.base import Embedder
from rag.embedding.factory import open_embedder
from rag.http import open_session
from rag.store.base import StoreReader
from rag.store.factory import open_reader
from service.retrieval.retriever import Retriever
from service.settings import Settings

Ranking = Literal["dense", "bm25", "hybrid"]

MEASURES = {"nDCG@10": nDCG @ 10, "R@5": R @ 5, "R@10": R @ 10, "R@100": R @ 100, "MRR@10": RR @ 10}
_COLUMNS = ("mode", "questions", *MEASURES, "nDCG@10, 95 % interval", "p50")
HEADER = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"
_DOCUMENTS = 100
# Enough for a hundred documents that come with three passages each.
_PASSAGES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalResult:
    """One mode on one data set."""

    mode: Ranking
    values: Mapping[str, Sequence[float]]
    """Measure to its value for each question, in the data set's order."""
    p50: float
    """Seconds for one question, its embedding included."""

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
) -> list[RetrievalResult]:
    """Ingests the corpus into a collection of its own and asks every question in each mode."""
    async with (
        open_collection(dataset.documents, settings, whole=whole) as apart,
        open_session(apart.http) as session,
        open_embedder(apart.embedder, session, models=apart.models_dir) as embedder,
        open_reader(apart.store, embedder.identity, root=apart.store_dir) as store,
    ):
        search = _Search(embedder, store, Retriever(store, apart.retrieval))
        return [await _measure(mode, dataset, search) for mode in modes]


@dataclass(frozen=True, slots=True)
class _Search:
    embedder: Embedder
    store: StoreReader
    retriever: Retriever


async def _measure(mode: Ranking, dataset: Dataset, search: _Search) -> RetrievalResult:
    run: dict[str, dict[str, float]] = {}
    seconds = []
    for question, text in track(dataset.questions.items(), mode):
        began = time.perf_counter()
        found = await _ask(text, mode, search)
        seconds.append(time.perf_counter() - began)
        # Asked with a document's own text, a data set does not count that document.
        documents = [document for document in found if document != question][:_DOCUMENTS]
        run[question] = {document: float(-rank) for rank, document in enumerate(documents)}
    return RetrievalResult(mode=mode, values=evaluate(dataset, run), p50=statistics.median(seconds))


async def _ask(text: str, mode: Ranking, search: _Search) -> list[str]:
    """Documents, best first."""
    vector = await search.embedder.embed_query(text)
    query = search.retriever.to_query(text, vector)
    if mode != "hybrid":
        query = replace(query, words_share={"dense": 0.0, "bm25": 1.0}[mode])
    hits = await search.store.search(SCOPE, query, limit=_PASSAGES)
    return list(dict.fromkeys(hit.chunk.document_id for hit in hits))


def evaluate(dataset: Dataset, run: Mapping[str, Mapping[str, float]]) -> dict[str, list[float]]:
    """Measure to its value for each question, in the data set's order."""
    values: dict[str, dict[str, float]] = {name: dict.fromkeys(dataset.questions, 0.0) for name in MEASURES}
    names = {measure: name for name, measure in MEASURES.items()}
    for metric in ir_measures.iter_calc(list(MEASURES.values()), dataset.relevant, run):
        values[names[metric.measure]][metric.query_id] = metric.value
    return {name: list(by_question.values()) for name, by_question in values.items()}
