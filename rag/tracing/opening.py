"""Whether there are traces: the SDK is imported only where a collector is configured."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rag.settings import TracingSettings


@asynccontextmanager
async def open_tracing(settings: TracingSettings, *, service: str) -> AsyncIterator[None]:
    """For the whole process, once: spans go to the collector until the block ends, and what is left then goes too."""
    if settings.endpoint is None:
        yield
        return
    from rag.tracing.export import open_export  # noqa: PLC0415

    async with open_export(settings, endpoint=str(settings.endpoint), service=service):
        yield
