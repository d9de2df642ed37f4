"""`python -m ingest run`: sources in, a summary out."""

from collections.abc import AsyncIterator, Sequence

import aiohttp

from ingest.pipeline import Outcome, ingest_documents, plan, publish
from ingest.report import Summary, open_reporter
from ingest.resources import open_models, open_store, open_store_to_read
from ingest.settings import Settings
from ingest.sources.base import Rejection, Source
from ingest.sources.factory import build_source
from rag.http import open_session
from rag.types import RawDocument, Scope


async def run(sources: Sequence[str], settings: Settings, scope: Scope, *, dry_run: bool, quiet: bool) -> Summary:
    """Raises `InvalidInput` for a source that cannot be opened, before anything is taken in."""
    async with open_session(settings.http) as session:
        opened = _build_sources(sources, session, settings)
        summary = Summary()
        with open_reporter(total=_total(opened), quiet=quiet) as reporter:
            execute = _plan if dry_run else _ingest
            async for outcome in execute(_read_all(opened), settings, scope):
                summary.add(outcome)
                reporter.show(summary)
        return summary


async def _plan(
    units: AsyncIterator[RawDocument | Rejection], settings: Settings, scope: Scope
) -> AsyncIterator[Outcome]:
    async with open_models(settings) as models, open_store_to_read(settings, models) as store:
        async for outcome in plan(units, store, models.chunker, scope):
            yield outcome


async def _ingest(
    units: AsyncIterator[RawDocument | Rejection], settings: Settings, scope: Scope
) -> AsyncIterator[Outcome]:
    async with open_models(settings) as models, open_store(settings, models) as store:
        changed = False
        async for outcome in ingest_documents(units, store, models.embedder, models.chunker, scope):
            changed = changed or outcome.changes_collection
            yield outcome
        if changed:
            await publish(store)


def _build_sources(sources: Sequence[str], session: aiohttp.ClientSession, settings: Settings) -> list[Source]:
    return [build_source(source, session=session, max_bytes=settings.max_document_bytes) for source in sources]


async def _read_all(sources: Sequence[Source]) -> AsyncIterator[RawDocument | Rejection]:
    for source in sources:
        async for unit in source.read():
            yield unit


def _total(sources: Sequence[Source]) -> int:
    return sum(source.count() for source in sources)
