"""Opens tracing. OpenTelemetry's SDK is imported only if a collector is configured."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rag.settings import TracingSettings


@asynccontextmanager
async def open_tracing(settings: TracingSettings, *, service: str) -> AsyncIterator[None]:
    """Export the spans of this process while the block runs, and the remaining ones at its end. Call it once."""
    if settings.endpoint is None:
        yield
        return
    from rag.tracing.export import open_export  # noqa: PLC0415

    async with open_export(settings, endpoint=str(settings.endpoint), service=service):
        yield
