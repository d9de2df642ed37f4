"""Measures the peak memory of this process and its children."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_SAMPLE_SECONDS = 0.2
_MIB = 1 << 20


@dataclass(slots=True)
class PeakMemory:
    """Peak resident memory in MiB."""

    own: float = 0.0
    children: float = 0.0

    def sample(self, process: psutil.Process) -> None:
        self.own = max(self.own, process.memory_info().rss / _MIB)
        children = sum(child.memory_info().rss for child in process.children(recursive=True))
        self.children = max(self.children, children / _MIB)


@contextmanager
def measure_peak() -> Iterator[PeakMemory]:
    """Sample memory until the block ends. The yielded peak is updated while it runs."""
    peak, process, ended = PeakMemory(), psutil.Process(), threading.Event()

    def sample() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            try:
                peak.sample(process)
            except psutil.Error:  # A process ended during the sample.
                continue

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
