"""Times the stages of one answer, for the answer itself and for the metrics."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rag.errors import GroundworkError
from rag.tracing.spans import exemplar
from service.metrics import STAGE_FAILURES, STAGE_SECONDS


class Stopwatch:
    """Stages follow one another: each lasts from the end of the one before to its own `lap`."""

    def __init__(self, arrived: float | None = None) -> None:
        """`arrived` is the `perf_counter()` of the request's arrival, where there was one."""
        self._lap_began = time.perf_counter()
        self._arrived = self._lap_began if arrived is None else arrived
        self._seconds: dict[str, float] = {}
        self.exemplar = exemplar()
        """The trace of this answer, for its metrics."""

    def lap(self, stage: str) -> float:
        """Ends a stage and returns its seconds."""
        now = time.perf_counter()
        seconds = now - self._lap_began
        self._lap_began = now
        self._seconds[stage] = seconds
        STAGE_SECONDS[stage].observe(seconds, self.exemplar)
        return seconds

    @property
    def arrived(self) -> float:
        """The `perf_counter()` of the request's arrival."""
        return self._arrived

    @property
    def elapsed(self) -> float:
        """Seconds since the request arrived."""
        return time.perf_counter() - self._arrived

    def timings(self) -> dict[str, float]:
        """Each stage and the total, in seconds."""
        return {name: round(seconds, 6) for name, seconds in (self._seconds | {"total": self.elapsed}).items()}


@contextmanager
def counting_failure(stage: str) -> Iterator[None]:
    """Says in the metrics which stage it was that cost an answer."""
    try:
        yield
    except GroundworkError:
        STAGE_FAILURES.labels(stage).inc()
        raise
