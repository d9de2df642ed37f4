"""The worker's HTTP server for `/metrics` and `/livez`.

It runs on the worker's own event loop, so a blocked loop is visible to a probe.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog
from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from ingest.metrics import QUEUE_DEPTH, QUEUE_LAG, QUEUE_READABLE
from rag.errors import GroundworkError
from rag.inbox.base import Inbox

log = structlog.get_logger()

_UNKNOWN = float("nan")
# Shorter than Prometheus's timeout: a scrape that fails would look like a worker that is down.
_MEASURE_SECONDS = 5.0


@asynccontextmanager
async def open_probes(
    host: str, port: int, inbox: Inbox, *, patience_seconds: float = _MEASURE_SECONDS
) -> AsyncIterator[None]:
    """Serve until the block ends; port 0 disables the server. If the port is taken, the worker runs without it."""
    if port == 0:
        yield
        return
    app = web.Application()
    app.router.add_get("/livez", _livez)
    app.router.add_get("/metrics", partial(_metrics, inbox, patience_seconds))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        log.error("worker_metrics_off", host=host, port=port, reason=str(error), hint="set RAG_WORKER_PORT")
    try:
        yield
    finally:
        await runner.cleanup()


async def _livez(_: web.Request) -> web.Response:
    return web.json_response({"status": "alive"})


async def _metrics(inbox: Inbox, patience_seconds: float, request: web.Request) -> web.Response:
    """Measure the queue and return all metrics, also if the inbox does not answer."""
    try:
        async with asyncio.timeout(patience_seconds):
            statistics = await inbox.statistics()
    except Exception as error:  # noqa: BLE001 - a measurement must not fail the others
        reason = error.describe() if isinstance(error, GroundworkError) else str(error)
        log.warning("queue_not_measured", error=type(error).__name__, reason=reason)
        statistics = None
    QUEUE_READABLE.set(statistics is not None)
    for state in ("queued", "processing", "dead"):
        QUEUE_DEPTH.labels(state).set(getattr(statistics, state, _UNKNOWN))
    QUEUE_LAG.set(statistics.oldest_seconds if statistics else _UNKNOWN)
    render, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=render(REGISTRY), headers={"Content-Type": content_type})
