"""The cost of telemetry: the same service without telemetry, with metrics and logs, and with traces (ADR 0027).

One process switches between the variants from question to question, so memory layout and other work on the machine
affect all variants alike. Several processes are measured, because they differ. The variant without telemetry runs
twice: the difference shows the noise. A stand-in model answers at once, because a real model would hide the cost.
"""

import asyncio
import itertools
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rich.console import Console
from rich.progress import track

from evals.citing_model import serve_citing_model
from evals.statistics import Difference, compare
from rag.errors import Unavailable
from research.telemetry_overhead import switchable_service
from tests.support.programs import Service, ingest, service

HEADER = (
    "| telemetry | CPU ms a request | difference, ms (95 %) | throughput by CPU: min, median, max "
    "| by wall time: min, median, max |\n|---|---|---|---|---|"
)
RENDERING_HEADER = "| /metrics | bytes | CPU ms | p50 | max |\n|---|---|---|---|---|"
_DOCUMENTS = Path(__file__).parents[2] / "docs" / "adr"
_QUESTIONS = Path(__file__).parents[2] / "evals" / "answers" / "golden" / "questions.jsonl"
_SERVICE_PROGRAM = "research.telemetry_overhead.switchable_service"
_NONE, _TRACED = "none", "and traces, 10 % sampled"
_VARIANTS = {
    _NONE: switchable_service.NONE,
    "none, repeated": switchable_service.NONE,
    "metrics and logs": switchable_service.SHIPPED,
    _TRACED: switchable_service.TRACED,
}
_STARTS = 5
_WARM = 20
_RENDERINGS = 30
_FORMATS = {"text": "text/plain", "OpenMetrics": "application/openmetrics-text; version=1.0.0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one variant relative to the one without telemetry, over all rounds."""

    telemetry: str
    cpu_ms: float
    added_ms: Difference
    by_cpu: tuple[float, float, float]
    """Throughput relative to the one without telemetry: minimum, median and maximum of the rounds."""
    by_wall: tuple[float, float, float]

    def to_row(self) -> str:
        low, high = self.added_ms.interval
        shares = (" ".join(f"{share:.3f}" for share in shares) for shares in (self.by_cpu, self.by_wall))
        added = f"{self.added_ms.mean:+.2f} ({low:+.2f} to {high:+.2f})"
        return f"| {self.telemetry} | {self.cpu_ms:.2f} | {added} | {' | '.join(shares)} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """The cost of a request to `/metrics` in one format. Times are seconds."""

    format: str
    size: int
    cpu: float
    p50: float
    longest: float

    def to_row(self) -> str:
        times = (self.cpu, self.p50, self.longest)
        return f"| {self.format} | {self.size} | {' | '.join(f'{time * 1000:.1f}' for time in times)} |"


def measure_telemetry(models: Path, *, rounds: int, requests: int) -> tuple[list[Cost], list[Rendering]]:
    """Measure all variants. Each round streams `requests` answers per variant."""

    async def measure() -> tuple[list[Cost], list[Rendering]]:
        async with serve_citing_model() as model:
            return await asyncio.to_thread(_measure, models, model.url, rounds=rounds, requests=requests)

    return asyncio.run(measure())


def _measure(models: Path, model: str, *, rounds: int, requests: int) -> tuple[list[Cost], list[Rendering]]:
    questions = itertools.cycle([json.loads(line)["question"] for line in _QUESTIONS.read_text().splitlines()])
    costs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    renderings: list[Rendering] = []
    with _collector() as url, _collection(models) as collection:
        for start in track(range(_STARTS), "processes", console=Console(stderr=True)):
            # Spans are exported on request only, so that their cost is attributed to the variant that made them.
            settings = {"RAG_TRACING__ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "3600000"}
            with _running(collection, model, **settings) as running:
                _round(running, list(itertools.islice(questions, _WARM)))
                for _ in range(start, rounds, _STARTS):
                    for name, cost in _round(running, list(itertools.islice(questions, requests))).items():
                        costs[name].append(cost)
                renderings = renderings or [_render(running, name, accept) for name, accept in _FORMATS.items()]
    return [_to_cost(name, costs[name], costs[_NONE]) for name in _VARIANTS], renderings


@contextmanager
def _collection(models: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch)
        (data_dir / "models").symlink_to(models.absolute())
        run = ingest("run", str(_DOCUMENTS), data_dir=data_dir)
        if run.returncode != 0:
            raise Unavailable(f"The sample could not be ingested: {run.stderr}")
        yield data_dir


@contextmanager
def _running(collection: Path, model: str, **settings: str) -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(shutil.copytree(collection, Path(scratch) / "data", symlinks=True))
        generator = {"RAG_GENERATOR__KIND": "openai", "RAG_GENERATOR__URL": model, "RAG_GENERATOR__MODEL": "stand-in"}
        with service(data_dir, program=_SERVICE_PROGRAM, RAG_WORKER="none", **generator, **settings) as running:
            yield running


def _round(running: Service, questions: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return (CPU seconds of the service, wall-clock seconds) per request, by variant."""
    cpu: dict[str, float] = defaultdict(float)
    wall: dict[str, float] = defaultdict(float)
    for number, question in enumerate(questions):
        # Each variant goes first equally often.
        for name in _rotated(list(_VARIANTS), number):
            before, started = _switch(running, _VARIANTS[name]), time.perf_counter()
            list(running.stream(question))
            wall[name] += time.perf_counter() - started
            cpu[name] += _switch(running, _VARIANTS[name]) - before
    before, started = _switch(running, switchable_service.TRACED), time.perf_counter()
    cpu[_TRACED] += _switch(running, switchable_service.EXPORT) - before
    wall[_TRACED] += time.perf_counter() - started
    return {name: (cpu[name] / len(questions), wall[name] / len(questions)) for name in _VARIANTS}


def _switch(running: Service, variant: str) -> float:
    """Switch to the variant and return the service's CPU seconds so far."""
    return float(running.http.get(switchable_service.PATH + variant).raise_for_status().text)


def _rotated(names: list[str], by: int) -> list[str]:
    by %= len(names)
    return names[by:] + names[:by]


def _to_cost(name: str, costs: Sequence[tuple[float, float]], baseline: Sequence[tuple[float, float]]) -> Cost:
    by_cpu, by_wall = (
        sorted(before[which] / cost[which] for cost, before in zip(costs, baseline, strict=True)) for which in (0, 1)
    )
    return Cost(
        telemetry=name,
        cpu_ms=statistics.mean(cpu for cpu, _ in costs) * 1000,
        added_ms=compare([cpu * 1000 for cpu, _ in costs], [cpu * 1000 for cpu, _ in baseline]),
        by_cpu=(by_cpu[0], statistics.median(by_cpu), by_cpu[-1]),
        by_wall=(by_wall[0], statistics.median(by_wall), by_wall[-1]),
    )


def _render(running: Service, name: str, accept: str) -> Rendering:
    seconds, size, before = [], 0, _switch(running, switchable_service.TRACED)
    for _ in range(_RENDERINGS):
        started = time.perf_counter()
        size = len(running.http.get("/metrics", headers={"Accept": accept}).content)
        seconds.append(time.perf_counter() - started)
    cpu = (_switch(running, switchable_service.TRACED) - before) / _RENDERINGS
    return Rendering(format=name, size=size, cpu=cpu, p50=statistics.median(seconds), longest=max(seconds))


@contextmanager
def _collector() -> Iterator[str]:
    """Run a trace collector that discards everything. Yield its URL."""

    class Sink(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
