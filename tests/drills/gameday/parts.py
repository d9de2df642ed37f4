"""Parts with controllable faults: the language model, the trace collector, a worker."""

import asyncio
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

from aiohttp import web

from tests.support.fakes.collector import collector
from tests.support.fakes.servers import ModelServer
from tests.support.servers.redis_server import free_port
from tests.support.workers import start_worker


class Model:
    """A language model that can fail, answer slowly, or omit citations."""

    def __init__(self) -> None:
        self.fails = False
        self.delay_seconds = 0.0
        self.cites = True

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if self.fails:
            return web.Response(status=500, text="CUDA out of memory")
        await asyncio.sleep(self.delay_seconds)
        pieces = ["Replace ", "it ", "every ", "4,000 ", "hours. ", "[1]" if self.cites else "Really."]
        return await ModelServer(pieces, gap=0.01)(request)


class TraceCollector:
    """A trace collector that keeps its port when it is restarted."""

    def __init__(self) -> None:
        self._port = free_port()
        self._running = ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._running.enter_context(collector(self._port))

    def stop(self) -> None:
        self._running.close()


class Worker:
    """An ingest worker that can be killed and started again."""

    def __init__(self, data_dir: Path, settings: dict[str, str]) -> None:
        self._data_dir = data_dir
        self._port = free_port()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def another(self) -> "Worker":
        """Return a second worker with the same inbox, which is not started yet."""
        return Worker(self._data_dir, self._settings)

    def start(self) -> None:
        self._process = start_worker(self._data_dir, RAG_WORKER_PORT=str(self._port), **self._settings)

    def end(self, signum: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signum)
            self._process.wait(60)
