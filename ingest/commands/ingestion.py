"""One pass over the selected sources: ingests them, or plans what a run would change."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ingest.commands.report import Summary, open_reporter
from ingest.commands.selection import SourceSelection
from ingest.pipeline.pipeline import Pipeline
from ingest.pipeline.preparation import IngestResult, prepare, stored_documents
from ingest.pipeline.pruning import ListedDocuments, RemovableDocument, find_gone
from ingest.pipeline.publishing import publish_now, publish_regularly
from ingest.pipeline.source_pass import SourcePass
from ingest.pipeline.writer_lock import wait_for_writer_lock
from ingest.resources import Models, open_models, open_store, open_store_to_read
from ingest.settings import Settings
from ingest.sources.base import Rejection, Source
from ingest.sources.web.fetching import open_fetcher
from rag.errors import InvalidInput
from rag.store.base import StoreReader
from rag.store.factory import build_backend
from rag.types import Scope


async def ingest_selection(
    selection: SourceSelection, settings: Settings, *, prune: bool = False, quiet: bool = False
) -> Summary:
    """Ingest the sources and return what happened to each document.

    A source that cannot be opened is rejected; raises `InvalidInput` if no source can be opened.
    """
    async with (
        _open_pass(selection, settings, quiet=quiet) as this,
        wait_for_writer_lock(lambda: open_store(settings, this.models)) as store,
    ):
        pipeline = Pipeline(store, this.models.batcher, this.models.parsers)
        async with publish_regularly(store):
            for name, source in this.sources.items():
                source_pass = SourcePass(pipeline, selection.scope, this.report, remember=prune)
                await source_pass.ingest(source.find())
                if prune:
                    for document in await this.find_gone(name, source_pass.listed, store):
                        this.report(await pipeline.remove(selection.scope, document.id, document.uri))
                this.summary.note_source(name, source.notes, is_empty=source_pass.is_empty)
        if this.summary.changes_collection:
            await publish_now(store)
    return this.summary


async def plan_selection(
    selection: SourceSelection, settings: Settings, *, prune: bool = False, quiet: bool = False
) -> Summary:
    """Return what `ingest_selection` would do, without a write or a lock."""
    async with (
        _open_pass(selection, settings, quiet=quiet) as this,
        open_store_to_read(settings, this.models) as store,
    ):
        for name, source in this.sources.items():
            is_empty = True
            listed = ListedDocuments(remember=prune)
            async for unit in source.find():
                is_empty = False
                if isinstance(unit, Rejection):
                    this.report_rejection(unit)
                    continue
                listed.add(unit.id)
                stored = await stored_documents(store, selection.scope, [unit.id])
                prepared = await prepare(unit, stored[unit.id], this.models.parsers)
                result = prepared if isinstance(prepared, IngestResult) else prepared.result
                if result.is_gone:
                    listed.note_gone(unit.id)
                this.report(result)
            if prune:
                for document in await this.find_gone(name, listed, store):
                    this.report(IngestResult(uri=document.uri, status="removed"))
            this.summary.note_source(name, source.notes, is_empty=is_empty)
    return this.summary


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    """The opened sources and models of one pass, and its results so far."""

    sources: Mapping[str, Source]
    scope: Scope
    models: Models
    show: Callable[[Summary], None]
    summary: Summary = field(default_factory=Summary)

    def report(self, result: IngestResult) -> None:
        self.summary.add(result)
        self.show(self.summary)

    def report_rejection(self, rejection: Rejection) -> None:
        self.report(IngestResult(uri=rejection.uri, status="rejected", reason=rejection.reason))

    async def find_gone(self, name: str, listed: ListedDocuments, store: StoreReader) -> Sequence[RemovableDocument]:
        """Return the documents to remove; a source that is empty now is a rejection."""
        try:
            return await find_gone(self.sources[name], listed, store, self.scope)
        except InvalidInput as error:
            self.report_rejection(Rejection(uri=name, reason=str(error)))
            return ()


@asynccontextmanager
async def _open_pass(selection: SourceSelection, settings: Settings, *, quiet: bool) -> AsyncIterator[_Pass]:
    async with open_fetcher(settings) as fetcher:
        sources, rejected = selection.build_all(fetcher, settings)
        total = None if quiet else await asyncio.to_thread(_total, sources.values())
        # The embedder that filled the collection is loaded only if a document has changed.
        known = await build_backend(settings.store, root=settings.store_dir).embedder()
        with open_reporter(total=total, quiet=quiet, as_json=settings.log_format == "json") as show:
            async with open_models(settings, known=known) as models:
                opened = _Pass(sources=sources, scope=selection.scope, models=models, show=show)
                for rejection in rejected:
                    opened.report_rejection(rejection)
                yield opened


def _total(sources: Iterable[Source]) -> int | None:
    counts = [source.count() for source in sources]
    return None if None in counts else sum(count for count in counts if count is not None)
