"""Measurements of a running service that both its tests and the evaluations use."""

import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import httpx

from tests.support.programs import Service

STREAMS = 16
LONG_PROBE_SECONDS = 0.3
_PROBING_SECONDS = 8
_PROBE_TIMEOUT_SECONDS = 60
_UPLOAD_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingHealth:
    """How a service behaved while it wrote several streams."""

    failed: int
    """Streams that did not end with `done`."""
    slowest_probe: float
    """Seconds of the slowest `/livez`."""
    long_probe_share: float
    """Share of the time spent in probes of more than `LONG_PROBE_SECONDS`."""


def time_upload(running: Service, number: int) -> float:
    """Return the seconds from a PUT until the service answers from the document. Raise `TimeoutError`."""
    started = time.monotonic()
    running.put(f"canteen{number}.md", f"# Canteen {number}\n\nCanteen number {number} serves soup.".encode())
    while f"Canteen number {number}" not in running.ask(f"What does canteen number {number} serve?").json()["answer"]:
        if time.monotonic() - started > _UPLOAD_SECONDS:
            raise TimeoutError(f"The service does not answer from the upload after {_UPLOAD_SECONDS} s.")
        time.sleep(0.05)
    return time.monotonic() - started


def probe_while_streaming(running: Service, question: str) -> StreamingHealth:
    """Request several streams of the model at once and probe the service meanwhile."""
    last_events: list[str] = []

    def stream(number: int) -> None:
        events = [event for _, event, _ in running.stream(f"{question} ({number})", mode="generate", limit=1)]
        last_events.append(events[-1])

    threads = [threading.Thread(target=stream, args=(number,)) for number in range(STREAMS)]
    # The probe has its own process: in this one it would wait for the threads above.
    with ProcessPoolExecutor(max_workers=1) as pool:
        probing = pool.submit(_probe, running.url)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    seconds = probing.result()
    return StreamingHealth(
        failed=STREAMS - last_events.count("done"),
        slowest_probe=max(seconds),
        long_probe_share=sum(each for each in seconds if each > LONG_PROBE_SECONDS) / _PROBING_SECONDS,
    )


def _probe(url: str) -> list[float]:
    """Return the seconds of each probe of `/livez`."""
    seconds: list[float] = []
    deadline = time.monotonic() + _PROBING_SECONDS
    with httpx.Client(base_url=url, timeout=_PROBE_TIMEOUT_SECONDS) as client:
        client.get("/livez").raise_for_status()
        while time.monotonic() < deadline:
            started = time.perf_counter()
            client.get("/livez").raise_for_status()
            seconds.append(time.perf_counter() - started)
            time.sleep(0.01)
    return seconds
