"""The running service: start time, memory, uploads, and token streams while documents are ingested."""

import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from rag.errors import Unavailable
from tests.support.programs import Service, ingest, service
from tests.support.timing import LONG_PROBE_SECONDS, STREAMS, probe_while_streaming, time_upload

_QUESTION = "What must be checked before the pump is started?"
_PAGE = "# Pump {n}\n\nBefore the pump {n} is started, the oil level and the inlet valve must be checked. " * 3
_MIB = 1024 * 1024
_SAMPLE_SECONDS = 0.05
# The worker unloads its model after 10 idle seconds.
_WORKER_IDLE_SECONDS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingFigure:
    """A measured number and its target."""

    name: str
    value: float
    unit: str
    target: str = ""

    def to_row(self) -> str:
        return f"| {self.name} | {self.value:.3g} {self.unit} | {self.target} |"


HEADER = "| measurement | measured | target |\n|---|---|---|"


def measure_serving(models: Path, *, passages: int) -> list[ServingFigure]:
    """Run the service and its worker with default settings in a temporary data directory."""
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = Path(scratch)
        (data_dir / "models").symlink_to(models.absolute())
        _fill(data_dir)
        with service(data_dir) as first:
            first.ask(_QUESTION)  # The first start reads all files from disk, so it is not measured.
        started = time.monotonic()
        with service(data_dir) as running, _sample_memory(running) as memory:
            start_seconds = time.monotonic() - started
            figures = [ServingFigure(name="warm start to /readyz", value=start_seconds, unit="s", target="≤ 15 s")]
            figures += _measure_uploads(running)
            figures += _measure_streams(running)
            figures += _measure_token_gaps(running, passages)
            figures += memory.to_figures(running)
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
        # Each upload finds a worker without a loaded model, which is the slowest case.
        time.sleep(_WORKER_IDLE_SECONDS)
        seconds.append(time_upload(running, number))
    return [ServingFigure(name="upload to answer, slowest of 3", value=max(seconds), unit="s", target="≤ 3 s")]


def _measure_streams(running: Service) -> list[ServingFigure]:
    health = probe_while_streaming(running, _QUESTION)
    return [
        ServingFigure(name=f"failed streams of {STREAMS} at once", value=health.failed, unit="", target="0"),
        ServingFigure(
            name="slowest /livez during the streams", value=health.slowest_probe * 1000, unit="ms", target="≤ 100 ms"
        ),
        ServingFigure(
            name=f"share of that time in probes over {LONG_PROBE_SECONDS} s",
            value=health.long_probe_share,
            unit="",
            target="0",
        ),
    ]


def _measure_token_gaps(running: Service, passages: int) -> list[ServingFigure]:
    """Compare the gaps between tokens of an idle service with those while it ingests a long document."""
    idle = _token_gaps(running, lambda count: count >= 8)
    body = "\n\n".join(f"## Part {n}\n\nItem {n * 7} lies in room {n % 97}." for n in range(passages))
    started = time.monotonic()
    running.put("inventory.md", body.encode())

    def is_ingested(_: int) -> bool:
        return running.http.get("/v1/documents/inventory.md").json()["state"] in {"ready", "rejected"}

    busy = _token_gaps(running, is_ingested)
    seconds = time.monotonic() - started
    running.wait_for_state("inventory.md", "ready")
    figures = [ServingFigure(name=f"{passages} passages ingested during a stream", value=seconds, unit="s")]
    for name, share in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)):
        before, during = _quantile(idle, share), _quantile(busy, share)
        figures += [
            ServingFigure(name=f"gap between tokens, idle, {name}", value=before * 1000, unit="ms"),
            ServingFigure(name=f"gap between tokens, during ingestion, {name}", value=during * 1000, unit="ms"),
            ServingFigure(name=f"ratio of the two, {name}", value=during / before, unit="", target="≤ 2"),
        ]
    return figures


def _token_gaps(running: Service, is_done: Callable[[int], bool]) -> list[float]:
    """Stream answers until `is_done` returns true for their number. Return the seconds between tokens."""
    gaps: list[float] = []
    for count in range(1, 10_000):
        stream = running.stream(f"{_QUESTION} Explain.", mode="generate", limit=1)
        times = [seconds for seconds, event, _ in stream if event == "token"]
        gaps += [after - before for before, after in itertools.pairwise(times)]
        if is_done(count):
            break
    return gaps


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass
class _Memory:
    """Sampled peaks of resident memory in MiB."""

    service: float = 0.0
    worker: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def sample(self, process: psutil.Process) -> None:
        while not self.stop.wait(_SAMPLE_SECONDS):
            self.service = max(self.service, process.memory_info().rss / _MIB)
            self.worker = max(self.worker, _worker_memory(process))

    def to_figures(self, running: Service) -> list[ServingFigure]:
        time.sleep(_WORKER_IDLE_SECONDS + 3)
        idle = _worker_memory(psutil.Process(running.process.pid))
        return [
            ServingFigure(
                name="peak memory of the service with both models",
                value=self.service,
                unit="MiB",
                target="≤ 1536 MiB",
            ),
            ServingFigure(name="peak memory of its worker", value=self.worker, unit="MiB", target="≤ 1024 MiB"),
            ServingFigure(name="memory of the idle worker", value=idle, unit="MiB", target="close to 0"),
        ]


@contextmanager
def _sample_memory(running: Service) -> Iterator[_Memory]:
    memory = _Memory()
    thread = threading.Thread(target=memory.sample, args=(psutil.Process(running.process.pid),))
    thread.start()
    try:
        yield memory
    finally:
        memory.stop.set()
        thread.join()


def _worker_memory(process: psutil.Process) -> float:
    return float(sum(child.memory_info().rss for child in process.children())) / _MIB
