"""The installation under test: the real service and worker, a stand-in model and Qdrant server, a collector, users."""

import asyncio
import itertools
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from rag.embedding.weights import PACKAGED_MODEL, find_weights
from tests.drills.gameday.fast_rules import fast_rules
from tests.drills.gameday.parts import Model, TraceCollector, Worker
from tests.support.fakes.qdrant import QdrantServer, open_qdrant
from tests.support.fakes.servers import serve
from tests.support.programs import Service, evals
from tests.support.servers.prometheus_server import PrometheusServer
from tests.support.watched import generator_settings, service_with_worker, watched

_TOPICS = ("pumps", "valves", "seals", "motors", "gauges", "filters")
_USERS = 4
_PAUSE_SECONDS = 0.25
_REFERENCE = 300


class Users:
    """Concurrent users. Each asks one question after another."""

    def __init__(self, url: str) -> None:
        self.count = _USERS
        self.off_topic = False
        self.patience_seconds = 60.0
        self._url = f"{url}/v1/answers"
        self._numbers = itertools.count()

    async def run(self) -> None:
        async with (
            aiohttp.ClientSession() as session,
            asyncio.TaskGroup() as all_,
        ):
            for number in range(_USERS * 4):
                all_.create_task(self._ask_for_ever(session, number))

    async def _ask_for_ever(self, session: aiohttp.ClientSession, number: int) -> None:
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            if number >= self.count:
                continue
            try:
                patience = aiohttp.ClientTimeout(total=self.patience_seconds)
                async with session.post(self._url, json=self._question(), timeout=patience) as response:
                    await response.read()
            except (aiohttp.ClientError, TimeoutError):
                pass  # Failures are expected, and the metrics count them.

    def _question(self) -> dict[str, Any]:
        number = next(self._numbers)
        if self.off_topic:
            return {
                "question": f"Which painter of the Renaissance was born {number} years before Raphael died in Rome?"
            }
        return {"question": _normal_question(number)}


class Stage:
    """The running installation, with a handle for each part that can fail."""

    def __init__(
        self,
        data_dir: Path,
        service: Service,
        prometheus: PrometheusServer,
        model: Model,
        store: QdrantServer,
        collector: TraceCollector,
        worker: Worker,
        more_workers: Path,
    ) -> None:
        self.data_dir = data_dir
        self.service = service
        self.prometheus = prometheus
        self.model = model
        self.store = store
        self.collector = collector
        self.worker = worker
        self.users = Users(service.url)
        self._more_workers = more_workers

    @asynccontextmanager
    async def second_worker(self) -> AsyncIterator[Worker]:
        """Run a second worker that Prometheus scrapes. At the end it is removed from the targets."""
        second = self.worker.another()
        try:
            second.start()
            self._more_workers.write_text(json.dumps([{"targets": [second.address]}]))
            await self.wait_for('count(up{job="groundwork-worker"} == 1) == 2')
            yield second
        finally:
            self._more_workers.write_text("[]")
            await asyncio.to_thread(second.end, signal.SIGTERM)

    async def wait_for(self, expression: str) -> None:
        """Wait until the expression has a sample. Raise TimeoutError after a minute."""
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(self.prometheus.query, expression):  # noqa: ASYNC110
                await asyncio.sleep(0.5)

    async def upload(self, count: int) -> list[str]:
        """Upload new documents and return their names."""
        names = [f"{os.urandom(4).hex()}-{number}.md" for number in range(count)]
        for number, name in enumerate(names):
            await asyncio.to_thread(self.service.put, name, _document(_TOPICS[number % len(_TOPICS)], name).encode())
        return names


@asynccontextmanager
async def open_stage(folder: Path, *, factor: int, with_reference: bool = False) -> AsyncIterator[Stage]:
    """Start everything and wait until documents are ingested, users are active and every target is scraped."""
    data_dir, model = folder / "data", Model()
    await asyncio.to_thread(_prepare, data_dir)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_qdrant())
        model_url = await stack.enter_async_context(serve("/v1/chat/completions", model))
        traces = TraceCollector()
        traces.start()
        stack.callback(traces.stop)
        settings = {
            "RAG_STORE__KIND": "server",
            "RAG_STORE__URL": "http://127.0.0.1:1",
            "RAG_STORE__GRPC_PORT": str(store.port),
            "RAG_TRACING__ENDPOINT": traces.url,
            # The default of 5 s is too slow for the faster clock.
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        }
        # With a single attempt one kill makes a dead letter.
        worker = Worker(data_dir, settings | {"RAG_WORKER_ATTEMPTS": "1"})
        limits = {"RAG_GENERATOR__CONCURRENCY": "4", "RAG_ANSWERING__WAITING": "4", "RAG_WORKER": "none"}
        # The worker creates the collection, without which the service never gets ready.
        await _enter(stack, _running(worker))
        service = await _enter(stack, service_with_worker(data_dir, 0, model_url, **settings, **limits))
        targets = {
            "groundwork-service": service.url.removeprefix("http://"),
            "groundwork-worker": worker.address,
        }
        watching = folder / "prometheus"
        prometheus = await _enter(stack, watched(watching, targets, fast_rules(factor)))
        more_workers = watching / "groundwork-worker.json"
        stage = Stage(data_dir, service, prometheus, model, store, traces, worker, more_workers)
        for name in await stage.upload(len(_TOPICS)):
            await asyncio.to_thread(service.wait_for_state, name, "ready")
        if with_reference:
            await asyncio.to_thread(_create_reference, data_dir, settings | generator_settings(model_url))
        users = asyncio.create_task(stage.users.run())
        await stage.wait_for(f"count(up == 1) == {len(targets)}")
        try:
            yield stage
        finally:
            users.cancel()
            await asyncio.gather(users, return_exceptions=True)


def _prepare(data_dir: Path) -> None:
    # Here, because a test reads the scenarios, and importing torch takes longer than the test.
    from ingest.migration.export import export_onnx  # noqa: PLC0415

    weights = find_weights(PACKAGED_MODEL)
    (data_dir / "models").mkdir(parents=True)
    export_onnx(weights, data_dir / "models" / weights.onnx_name)


def _create_reference(data_dir: Path, settings: dict[str, str]) -> None:
    """Create the drift reference from the users' normal questions. The service loads it by itself."""
    questions = data_dir / "questions.jsonl"
    lines = [json.dumps({"question": _normal_question(number)}) for number in range(_REFERENCE)]
    questions.write_text("\n".join(lines))
    created = evals("reference", str(questions), data_dir=data_dir, **settings)
    if created.returncode != 0:
        raise RuntimeError(f"`evals reference` failed for {questions}: {created.stderr}")


def _normal_question(number: int) -> str:
    return f"After how many hours must the {_TOPICS[number % len(_TOPICS)]} be replaced?"


def _document(topic: str, name: str) -> str:
    return f"# {topic.title()}\n\nThe {topic} must be replaced every 4,000 hours of operation. Sheet {name}."


@contextmanager
def _running(worker: Worker) -> Iterator[Worker]:
    worker.start()
    try:
        yield worker
    finally:
        worker.end(signal.SIGTERM)


async def _enter(stack: AsyncExitStack, context: AbstractContextManager[Any]) -> Any:
    """Enter the context in a thread, because it calls servers that run in this event loop."""
    value = await asyncio.to_thread(context.__enter__)
    stack.push_async_callback(asyncio.to_thread, context.__exit__, None, None, None)
    return value
