"""`python -m ingest enqueue`: what sources have, into the inbox; workers take it from there."""

from collections.abc import Mapping, Sequence

from ingest.metrics import RETRIES
from ingest.settings import Settings
from ingest.sources.base import Rejection, Unit, Unmodified
from ingest.sources.factory import build_sources
from ingest.sources.web.fetching import open_fetcher
from rag.errors import InvalidInput, Unavailable
from rag.inbox.base import Inbox, Upload
from rag.metadata import NOTHING
from rag.retries import retry
from rag.types import Scope


async def enqueue(
    sources: Sequence[str],
    settings: Settings,
    scope: Scope,
    inbox: Inbox,
    *,
    ignore: Sequence[str] = (),
    metadata: Mapping[str, str] = NOTHING,
) -> tuple[int, list[Rejection]]:
    """How many were put, and what could not be; raises `InvalidInput` where no source can be opened."""
    put = 0
    async with open_fetcher(settings) as fetcher:
        opened, rejected = build_sources(sources, fetcher=fetcher, settings=settings, ignore=ignore, metadata=metadata)
        for source in opened.values():
            async for unit in source.find():
                refusal = unit if isinstance(unit, Rejection) else await _put(unit, scope, inbox)
                if refusal is None:
                    put += 1
                else:
                    rejected.append(refusal)
    return put, rejected


async def _put(unit: Unit, scope: Scope, inbox: Inbox) -> Rejection | None:
    try:
        raw = await retry(RETRIES.labels("fetch"), lambda: unit.fetch(""), seconds=20)
    except (InvalidInput, Unavailable) as error:
        return Rejection(uri=unit.uri, reason=str(error))
    if isinstance(raw, Unmodified):
        return None
    upload = Upload(scope=scope, document=raw)
    # A full inbox is waited for.
    await retry(RETRIES.labels("entry"), lambda: inbox.put(upload), seconds=3600)
    return None
