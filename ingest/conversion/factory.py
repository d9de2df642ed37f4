"""Open the configured parser service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ingest.conversion.base import DocumentConverter
from ingest.conversion.docling import DoclingConverter
from ingest.settings import ParserServiceSettings
from rag.http import open_session
from rag.settings import TimeoutSettings


@asynccontextmanager
async def open_converter(
    settings: ParserServiceSettings, timeouts: TimeoutSettings
) -> AsyncIterator[DocumentConverter | None]:
    """Yield the parser service, or None if none is configured.

    It has a session of its own, because a conversion lasts longer than other calls.
    """
    if settings.url is None:
        yield None
        return
    async with open_session(timeouts.model_copy(update={"read": settings.timeout})) as session:
        yield DoclingConverter(session, settings)
