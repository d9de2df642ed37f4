"""The most memory that this process and those that it starts have while something happens."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_SAMPLE_SECONDS = 0.2
_MIB = 1 << 20


@dataclass(slots=True)
class PeakMemory:
    """Resident memory in MiB."""

    own: float = 0.0
    children: float = 0.0

    def sample(self, process: psutil.Process) -> None:
        self.own = max(self.own, process.memory_info().rss / _MIB)
        children = sum(child.memory_info().rss for child in process.children(recursive=True))
        self.children = max(self.children, children / _MIB)


@contextmanager
def watched() -> Iterator[PeakMemory]:
    """Filled while the block runs."""
    peak, process, ended = PeakMemory(), psutil.Process(), threading.Event()

    def watch() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            try:
                peak.sample(process)
            except psutil.Error:  # A process that has just ended.
                continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
