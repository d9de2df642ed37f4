"""`python -m ingest run`: sources in, a summary out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import aiohttp

from ingest.pipeline import Outcome, ingest_documents, plan
from ingest.report import Summary, open_reporter
from ingest.resources import open_planning, open_resources
from ingest.settings import Settings
from ingest.sources.base import Rejection, Source
from ingest.sources.factory import build_source
from rag.http import open_session
from rag.types import RawDocument, Scope


async def run(sources: Sequence[str], settings: Settings, scope: Scope, *, dry_run: bool, quiet: bool) -> Summary:
    """Raises `InvalidInput` for a source that cannot be opened, before anything is taken in."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(settings.http))
        opened = _build_sources(sources, session, settings)
        outcomes = await _open_run(stack, _read_all(opened), settings, scope, dry_run=dry_run)
        reporter = stack.enter_context(open_reporter(total=_total(opened), quiet=quiet))
        summary = Summary()
        async for outcome in outcomes:
            summary.add(outcome)
            reporter.show(summary)
        return summary


async def _open_run(
    stack: AsyncExitStack,
    units: AsyncIterator[RawDocument | Rejection],
    settings: Settings,
    scope: Scope,
    *,
    dry_run: bool,
) -> AsyncIterator[Outcome]:
    if dry_run:
        store, chunker = await stack.enter_async_context(open_planning(settings))
        return plan(units, store, chunker, scope)
    resources = await stack.enter_async_context(open_resources(settings))
    return ingest_documents(units, resources.store, resources.embedder, resources.chunker, scope)


def _build_sources(sources: Sequence[str], session: aiohttp.ClientSession, settings: Settings) -> list[Source]:
    return [build_source(source, session=session, max_bytes=settings.max_document_bytes) for source in sources]


async def _read_all(sources: Sequence[Source]) -> AsyncIterator[RawDocument | Rejection]:
    for source in sources:
        async for unit in source.read():
            yield unit


def _total(sources: Sequence[Source]) -> int:
    return sum(source.count() for source in sources)
