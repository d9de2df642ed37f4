"""How near ingestion comes to its limit, the embedder alone, and what a run over unchanged documents costs."""

import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from ingest.intake import Intake
from ingest.pipeline import Outcome, Pipeline, version_of
from ingest.publishing import publish_now
from ingest.resources import Models, open_models, open_store
from ingest.settings import Settings
from ingest.sources.base import Rejection, Unit, Unmodified
from ingest.sources.factory import build_source
from ingest.sources.fetching import open_fetcher
from rag.errors import InvalidInput
from rag.types import Scope

_SCOPE = Scope(tenant="default")
HEADER = (
    "| round | chunks | embedder alone | end to end | ratio | unchanged | times faster |\n|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One of each, one after the other; rates in chunks a second, times in seconds."""

    number: int
    chunks: int
    bare: float
    first: float
    again: float

    @property
    def ratio(self) -> float:
        return self.bare / self.first

    def to_row(self) -> str:
        return (
            f"| {self.number} | {self.chunks} | {self.chunks / self.bare:.1f}/s | {self.chunks / self.first:.1f}/s "
            f"| {self.ratio:.3f} | {self.again:.2f} s | {self.first / self.again:.0f} |"
        )


async def measure_ingestion(folder: str, settings: Settings, *, rounds: int, documents: int) -> list[Round]:
    """The same documents each time, the models open already: what is compared is the work, not the start."""
    async with open_models(settings) as models, open_fetcher(settings) as fetcher:
        source = build_source(folder, fetcher=fetcher, settings=settings)
        units = [unit async for unit in source.find() if isinstance(unit, Unit)][:documents]
        passages = await _passages_of(units, models)
        if not passages:
            raise InvalidInput(f"{folder} has no documents that can be taken in.")
        await models.embedder.embed_passages(passages[:64])
        measured = []
        for number in range(1, rounds + 1):
            bare = await _time_bare(passages, models)
            with tempfile.TemporaryDirectory() as scratch:
                apart = settings.model_copy(update={"data_dir": Path(scratch)})
                first = await _time_intake(units, apart, models)
                again = await _time_intake(units, apart, models)
            measured.append(Round(number=number, chunks=len(passages), bare=bare, first=first, again=again))
        return measured


async def _passages_of(units: list[Unit], models: Models) -> list[str]:
    passages = []
    for unit in units:
        try:
            raw = await unit.fetch("")
            assert not isinstance(raw, Unmodified)
            passages += [chunk.passage for chunk in await models.cutters.cut(raw, version=version_of(raw))]
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
        outcomes: list[Outcome] = []
        pipeline = Pipeline(store, models.batcher, models.cutters)
        await Intake(pipeline, _SCOPE, outcomes.append, remember=False).take_in(found())
        if any(outcome.changes_collection for outcome in outcomes):
            await publish_now(store)
    return time.perf_counter() - began
