"""How the running service behaves: start, memory, uploads, and token streams while documents come in."""

import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from rag.errors import TimedOut, Unavailable
from tests.support.programs import Service, ingest, service

_STREAMS = 16
_PASSAGES = 5000
_PROBE_SECONDS = 8
_LONG_PROBE_SECONDS = 0.3
_PROBE_PATIENCE_SECONDS = 60
_QUESTION = "What must be checked before the pump is started?"
_PAGE = "# Pump {n}\n\nBefore the pump {n} is started, the oil level and the inlet valve must be checked. " * 3
_MIB = 1024 * 1024
_SAMPLE_SECONDS = 0.05
_UPLOAD_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingFigure:
    """One measured number beside what it should be."""

    name: str
    value: float
    unit: str
    target: str = ""

    def to_row(self) -> str:
        return f"| {self.name} | {self.value:.3g} {self.unit} | {self.target} |"


HEADER = "| figure | measured | target |\n|---|---|---|"


def measure_serving(models: Path, *, passages: int = _PASSAGES) -> list[ServingFigure]:
    """Runs the two programs with their defaults in a data directory of their own."""
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch)
        (data_dir / "models").symlink_to(models.absolute())
        _fill(data_dir)
        with service(data_dir) as first:
            first.ask(_QUESTION)  # The first start after installing reads everything from disk.
        began = time.monotonic()
        with service(data_dir) as running, _memory_of(running) as memory:
            figures = [
                ServingFigure(name="warm start to /readyz", value=time.monotonic() - began, unit="s", target="≤ 15 s")
            ]
            figures += _measure_uploads(running)
            figures += measure_streams(running)
            figures += _measure_gaps(running, passages)
            figures += memory.figures(running)
        return figures


def _fill(data_dir: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for n in range(20):
            (Path(folder) / f"{n}.md").write_text(_PAGE.format(n=n))
        run = ingest("run", folder, data_dir=data_dir)
        if run.returncode != 0:
            raise Unavailable(f"The sample could not be ingested: {run.stderr}")


def _measure_uploads(running: Service) -> list[ServingFigure]:
    seconds = []
    for number in range(3):
        time.sleep(12)  # The worker has let its model go by then.
        seconds.append(measure_upload(running, number))
    return [ServingFigure(name="upload to answer, slowest of 3", value=max(seconds), unit="s", target="≤ 3 s")]


def measure_upload(running: Service, number: int) -> float:
    """Seconds from PUT to an answer from the document."""
    began = time.monotonic()
    running.put(f"canteen{number}.md", f"# Canteen {number}\n\nCanteen number {number} serves soup.".encode())
    while f"Canteen number {number}" not in running.ask(f"What does canteen number {number} serve?").json()["answer"]:
        if time.monotonic() - began > _UPLOAD_SECONDS:
            raise TimedOut(f"The upload is not answerable after {_UPLOAD_SECONDS} s.")
        time.sleep(0.05)
    return time.monotonic() - began


def measure_streams(running: Service) -> list[ServingFigure]:
    """Concurrent streams of the model, and how long probes took meanwhile."""
    ended: list[str] = []

    def ask(number: int) -> None:
        ended.append([event for _, event, _ in running.stream(f"{_QUESTION} ({number})", mode="generate", limit=1)][-1])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(_STREAMS)]
    with ProcessPoolExecutor(max_workers=1) as elsewhere:
        # In a process of its own, so that the probe does not wait for the threads that measure.
        probing = elsewhere.submit(_probe, running.url, _PROBE_SECONDS)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    slowest, share = probing.result()
    return [
        ServingFigure(
            name=f"{_STREAMS} streams at once that did not end well",
            value=_STREAMS - ended.count("done"),
            unit="",
            target="0",
        ),
        ServingFigure(name="slowest /livez meanwhile", value=slowest * 1000, unit="ms", target="≤ 100 ms"),
        ServingFigure(
            name=f"share of that time in probes over {_LONG_PROBE_SECONDS} s", value=share, unit="", target="0"
        ),
    ]


def _probe(url: str, seconds: float) -> tuple[float, float]:
    """The slowest probe in seconds, and the share of the time that went into long ones."""
    waits: list[float] = []
    deadline = time.monotonic() + seconds
    with httpx.Client(base_url=url, timeout=_PROBE_PATIENCE_SECONDS) as probe:
        probe.get("/livez").raise_for_status()
        while time.monotonic() < deadline:
            began = time.perf_counter()
            probe.get("/livez").raise_for_status()
            waits.append(time.perf_counter() - began)
            time.sleep(0.01)
    return max(waits), sum(wait for wait in waits if wait > _LONG_PROBE_SECONDS) / seconds


def _measure_gaps(running: Service, passages: int) -> list[ServingFigure]:
    """Gaps between the model's tokens: quiet, and while a document of many passages is taken in and published."""
    quiet = _gaps(running, lambda count: count >= 8)
    body = "\n\n".join(f"## Part {n}\n\nItem {n * 7} lies in room {n % 97}." for n in range(passages))
    began = time.monotonic()
    running.put("inventory.md", body.encode())

    def taken_in(_: int) -> bool:
        return running.http.get("/v1/documents/inventory.md").json()["state"] in {"ready", "rejected"}

    busy = _gaps(running, taken_in)
    seconds = time.monotonic() - began
    running.wait_for_state("inventory.md", "ready")
    figures = [ServingFigure(name=f"{passages} passages taken in beside a stream", value=seconds, unit="s")]
    for name, share in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)):
        before, during = _quantile(quiet, share), _quantile(busy, share)
        figures += [
            ServingFigure(name=f"gap between tokens, quiet, {name}", value=before * 1000, unit="ms"),
            ServingFigure(name=f"gap between tokens, while taking in, {name}", value=during * 1000, unit="ms"),
            ServingFigure(name=f"ratio of the two, {name}", value=during / before, unit="", target="≤ 2"),
        ]
    return figures


def _gaps(running: Service, enough: Callable[[int], bool]) -> list[float]:
    gaps: list[float] = []
    for count in range(1, 10_000):
        stream = running.stream(f"{_QUESTION} Explain.", mode="generate", limit=1)
        times = [seconds for seconds, event, _ in stream if event == "token"]
        gaps += [after - before for before, after in itertools.pairwise(times)]
        if enough(count):
            break
    return gaps


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass
class _Memory:
    """Peaks of resident memory in MiB, sampled."""

    service: float = 0.0
    worker: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self, process: psutil.Process) -> None:
        while not self.stop.wait(_SAMPLE_SECONDS):
            self.service = max(self.service, process.memory_info().rss / _MIB)
            self.worker = max(self.worker, _worker_memory(process))

    def figures(self, running: Service) -> list[ServingFigure]:
        time.sleep(15)
        idle = _worker_memory(psutil.Process(running.process.pid))
        return [
            ServingFigure(
                name="peak memory of the service, both models in it",
                value=self.service,
                unit="MiB",
                target="≤ 1536 MiB",
            ),
            ServingFigure(name="peak memory of its worker", value=self.worker, unit="MiB", target="≤ 1024 MiB"),
            ServingFigure(name="memory of the worker when idle", value=idle, unit="MiB", target="next to nothing"),
        ]


@contextmanager
def _memory_of(running: Service) -> Iterator[_Memory]:
    memory = _Memory()
    thread = threading.Thread(target=memory.watch, args=(psutil.Process(running.process.pid),))
    thread.start()
    try:
        yield memory
    finally:
        memory.stop.set()
        thread.join()


def _worker_memory(process: psutil.Process) -> float:
    return float(sum(child.memory_info().rss for child in process.children())) / _MIB
