"""`python -m ingest run`: sources in, a summary out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from ingest.commands.report import NoteSource, Summary, open_reporter
from ingest.pipeline.intake import Intake
from ingest.pipeline.pipeline import Outcome, Pipeline, prepare, stored_documents
from ingest.pipeline.publishing import publish_now
from ingest.pipeline.turns import in_turn
from ingest.resources import Models, open_models, open_store, open_store_to_read
from ingest.settings import Settings
from ingest.sources.base import Rejection, Source
from ingest.sources.factory import build_sources
from ingest.sources.web.fetching import open_fetcher
from rag.metadata import NOTHING
from rag.store.base import StoreReader, VectorStore
from rag.store.factory import build_backend
from rag.types import FIRST_CHUNKS, DocumentId, Scope

Report = Callable[[Outcome], None]

_PUBLISH_SECONDS = 60


async def run(
    sources: Sequence[str],
    settings: Settings,
    scope: Scope,
    *,
    ignore: Sequence[str] = (),
    metadata: Mapping[str, str] = NOTHING,
    dry_run: bool = False,
    prune: bool = False,
    quiet: bool = False,
) -> Summary:
    """A source that cannot be opened is rejected; raises `InvalidInput` where none can."""
    async with open_fetcher(settings) as fetcher:
        opened, refused = build_sources(sources, fetcher=fetcher, settings=settings, ignore=ignore, metadata=metadata)
        summary = Summary()
        total = None if quiet else await asyncio.to_thread(_total, opened.values())
        with open_reporter(total=total, quiet=quiet) as reporter:

            def report(outcome: Outcome) -> None:
                summary.add(outcome)
                reporter.show(summary)

            for rejection in refused:
                report(Outcome(uri=rejection.uri, result="rejected", reason=rejection.reason))
            if dry_run:
                await _plan(opened, settings, scope, report, summary.note_source)
            else:
                await _take_in(opened, settings, scope, report, summary.note_source, prune=prune)
        return summary


async def _plan(
    sources: Mapping[str, Source], settings: Settings, scope: Scope, report: Report, note_source: NoteSource
) -> None:
    async with _open_models_when_needed(settings) as models, open_store_to_read(settings, models) as store:
        for name, source in sources.items():
            is_empty = True
            async for unit in source.find():
                is_empty = False
                if isinstance(unit, Rejection):
                    report(Outcome(uri=unit.uri, result="rejected", reason=unit.reason))
                    continue
                known = await stored_documents(store, scope, [unit.id])
                prepared = await prepare(unit, known[unit.id], models.cutters)
                report(prepared if isinstance(prepared, Outcome) else prepared.outcome)
            note_source(name, passed_over=source.passed_over, is_empty=is_empty)


async def _take_in(
    sources: Mapping[str, Source],
    settings: Settings,
    scope: Scope,
    report: Report,
    note_source: NoteSource,
    *,
    prune: bool,
) -> None:
    async with (
        _open_models_when_needed(settings) as models,
        in_turn(lambda: open_store(settings, models)) as store,
    ):
        pipeline = Pipeline(store, models.batcher, models.cutters)
        changed = False

        def note(outcome: Outcome) -> None:
            nonlocal changed
            changed = changed or outcome.changes_collection
            report(outcome)

        # A long run becomes visible bit by bit; and what a crash may cost of it is bounded.
        publishing = asyncio.create_task(_publish_regularly(store))
        try:
            for name, source in sources.items():
                intake = Intake(pipeline, scope, note, remember=prune)
                await intake.take_in(source.find())
                is_empty = intake.is_complete and not intake.has_seen_any
                note_source(name, passed_over=source.passed_over, is_empty=is_empty)
                if prune and intake.is_complete:
                    gone = await _gone(source, intake, store, scope)
                    if gone and not intake.has_seen_any:
                        # Such as a disk that is not mounted: that is no wish to lose what was on it.
                        reason = f"has no documents any more; the {len(gone):,} that are stored of it stay"
                        note(Outcome(uri=name, result="rejected", reason=reason))
                        continue
                    for document_id, uri in gone:
                        note(await pipeline.remove(scope, document_id, uri))
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
        if changed:
            await publish_now(store)


@asynccontextmanager
async def _open_models_when_needed(settings: Settings) -> AsyncIterator[Models]:
    """A run over documents that have not changed embeds nothing."""
    known = await build_backend(settings.store, root=settings.store_dir).embedder()
    async with open_models(settings, known=known) as models:
        yield models


async def _gone(source: Source, intake: Intake, store: StoreReader, scope: Scope) -> list[tuple[DocumentId, str]]:
    """What the source would list if it were still there."""
    return [
        (chunk.document_id, chunk.uri)
        async for chunk in store.scroll(scope, FIRST_CHUNKS)
        if source.covers(chunk.uri) and not intake.has_seen(chunk.document_id)
    ]


async def _publish_regularly(store: VectorStore) -> None:
    while True:
        await asyncio.sleep(_PUBLISH_SECONDS)
        await publish_now(store)


def _total(sources: Iterable[Source]) -> int | None:
    counts = [source.count() for source in sources]
    return None if None in counts else sum(count for count in counts if count is not None)
