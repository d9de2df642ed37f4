"""Throughput of ingestion relative to the embedder alone, and the cost of a run over unchanged documents."""

import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.metrics import STAGE_DURATION
from ingest.pipeline.pipeline import Pipeline
from ingest.pipeline.preparation import IngestResult, version_of
from ingest.pipeline.publishing import publish_now
from ingest.pipeline.source_pass import SourcePass
from ingest.resources import Models, open_models, open_store
from ingest.settings import Settings
from ingest.sources.base import Rejection, Unit, Unmodified
from ingest.sources.factory import build_source
from ingest.sources.web.fetching import open_fetcher
from rag.errors import InvalidInput
from rag.metrics import EMBED_BATCH_SIZE, GATE_WAIT
from rag.types import Scope

_SCOPE = Scope(tenant="default")
_STAGES = ("fetch", "parse", "embed", "upsert", "publish")
# The gate of each stage: the time in front of it is not work and is subtracted.
_GATES = {"parse": "parser", "embed": "embedder"}
# Length of the parts into which documents are split if there are too few of them.
_PART_CHARACTERS = 1_200
HEADER = (
    "| round | documents | chunks | embedder alone | end to end | ratio | fetch | parse | embed | upsert | publish "
    "| added up | wall | unchanged | times faster | embedded again |\n|" + "---|" * 16
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestionRound:
    """The times of one round in seconds. Stage times exclude the wait at their gates."""

    number: int
    documents: int
    chunks: int
    bare: float
    first: float
    again: float
    stages: dict[str, float]
    embedded_again: int
    """Passages embedded in the run over unchanged documents."""

    @property
    def ratio(self) -> float:
        return self.bare / self.first

    @property
    def times_faster(self) -> float:
        return self.first / self.again

    def to_row(self) -> str:
        stages = " | ".join(f"{self.stages[stage]:.1f}" for stage in _STAGES)
        return (
            f"| {self.number} | {self.documents:,} | {self.chunks:,} | {self.chunks / self.bare:.1f}/s "
            f"| {self.chunks / self.first:.1f}/s | {self.ratio:.3f} | {stages} | {sum(self.stages.values()):.1f} "
            f"| {self.first:.1f} | {self.again:.2f} s | {self.times_faster:.0f} | {self.embedded_again} |"
        )


def to_summary(rounds: Sequence[IngestionRound]) -> str:
    """Return minimum, median and maximum of the ratios."""
    ratios, faster = [each.ratio for each in rounds], [each.times_faster for each in rounds]
    return (
        f"relative to the embedder alone: {min(ratios):.3f} / {statistics.median(ratios):.3f} / {max(ratios):.3f} "
        f"(target 0.95); unchanged, times faster: {min(faster):.0f} / {statistics.median(faster):.0f} / "
        f"{max(faster):.0f} (target 50); minimum / median / maximum of {len(rounds)} rounds"
    )


async def measure_ingestion(
    folder: str, settings: Settings, *, rounds: int, documents: int
) -> AsyncIterator[IngestionRound]:
    """Ingest the same documents in each round, with models that are already open, so start-up is not measured.

    If the folder has fewer than `documents` documents, they are split into parts. Raise `InvalidInput` without any.
    """
    with tempfile.TemporaryDirectory() as parts:
        async with open_models(settings) as models, open_fetcher(settings) as fetcher:
            source = build_source(folder, fetcher=fetcher, settings=settings)
            units = [unit async for unit in source.find() if isinstance(unit, Unit)]
            if len(units) < documents:
                await _split_documents(units, Path(parts), documents)
                source = build_source(parts, fetcher=fetcher, settings=settings)
                units = [unit async for unit in source.find() if isinstance(unit, Unit)]
            units = units[:documents]
            passages = await _passages_of(units, models)
            if not passages:
                raise InvalidInput(f"{folder} contains no documents that can be ingested.")
            await models.embedder.embed_passages(passages[:64])
            for number in range(1, rounds + 1):
                yield await _measure_round(number, units, passages, settings, models)


async def _measure_round(
    number: int, units: list[Unit], passages: list[str], settings: Settings, models: Models
) -> IngestionRound:
    bare = await _time_bare(passages, models)
    with tempfile.TemporaryDirectory() as scratch:
        apart = settings.model_copy(update={"data_dir": Path(scratch)})
        before = _stage_seconds()
        first = await _time_intake(units, apart, models)
        between, embedded = _stage_seconds(), _embedded()
        again = await _time_intake(units, apart, models)
    return IngestionRound(
        number=number,
        documents=len(units),
        chunks=len(passages),
        bare=bare,
        first=first,
        again=again,
        stages={stage: round(between[stage] - before[stage], 3) for stage in _STAGES},
        embedded_again=_embedded() - embedded,
    )


async def _split_documents(units: list[Unit], folder: Path, wanted: int) -> None:
    number = 0
    for unit in units:
        raw = await unit.fetch("")
        if isinstance(raw, Unmodified) or number >= wanted:
            continue
        suffix = Path(unit.uri).suffix
        for part in _split_text(raw.body.decode(errors="replace")):
            if number < wanted:
                (folder / f"{number:06}{suffix}").write_text(part)
                number += 1


def _split_text(text: str) -> list[str]:
    """Group paragraphs into parts of about equal length."""
    parts = [""]
    for paragraph in text.split("\n\n"):
        if len(parts[-1]) > _PART_CHARACTERS:
            parts.append("")
        parts[-1] += paragraph + "\n\n"
    return parts


def _stage_seconds() -> dict[str, float]:
    """Return the working seconds of each stage so far, without the time that documents wait at its gate."""
    metric = STAGE_DURATION.collect()
    worked = {
        sample.labels["stage"]: sample.value
        for family in metric
        for sample in family.samples
        if sample.name.endswith("_sum")
    }
    waited = {
        it.labels["gate"]: it.value
        for family in GATE_WAIT.collect()
        for it in family.samples
        if it.name.endswith("_sum")
    }
    return {stage: worked[stage] - waited.get(_GATES.get(stage, ""), 0) for stage in _STAGES}


def _embedded() -> int:
    samples = [it for family in EMBED_BATCH_SIZE.collect() for it in family.samples]
    return int(next(it.value for it in samples if it.name.endswith("_sum")))


async def _passages_of(units: list[Unit], models: Models) -> list[str]:
    passages = []
    for unit in units:
        try:
            raw = await unit.fetch("")
            assert not isinstance(raw, Unmodified)
            version = version_of(raw, models.parsers.recipe)
            passages += [chunk.passage for chunk in await models.parsers.parse(raw, version=version)]
        except InvalidInput:
            continue
    return passages


async def _time_bare(passages: list[str], models: Models) -> float:
    began = time.perf_counter()
    await models.embedder.embed_passages(passages)
    return time.perf_counter() - began


async def _time_intake(units: list[Unit], settings: Settings, models: Models) -> float:
    async def found() -> AsyncIterator[Unit | Rejection]:
        for unit in units:
            yield unit

    began = time.perf_counter()
    async with open_store(settings, models) as store:
        results: list[IngestResult] = []
        pipeline = Pipeline(store, models.batcher, models.parsers)
        await SourcePass(pipeline, _SCOPE, results.append, remember=False).ingest(found())
        if any(result.changes_collection for result in results):
            await publish_now(store)
    return time.perf_counter() - began
