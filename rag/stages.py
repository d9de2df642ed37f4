"""Stages of one piece of work, such as an answer or a document: their durations, failures and spans."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from opentelemetry.trace import INVALID_SPAN, Span
from prometheus_client import Counter, Histogram

from rag.tracing.spans import Attributes, exemplar, span


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMetrics:
    """The metrics of one program's stages, by stage."""

    durations: Mapping[str, Histogram]
    failures: Mapping[str, Counter] | None = None
    """If None, the duration of a failed stage is observed too. Otherwise a failed stage is only counted here."""

    def start(self, arrived: float | None = None) -> "StageTimer":
        """Start timing a piece of work that arrived at this `time.perf_counter()`, or arrives now."""
        return StageTimer(self, arrived)

    def stage(self, name: str, *, span_name: str | None = None) -> AbstractContextManager[Span]:
        """Time a stage of work whose other stages do not matter to the caller."""
        return self.start().stage(name, span_name=span_name)


class StageTimer:
    """Measures the stages of one piece of work.

    Stages follow one another: each lasts from the end of the previous one.
    So no time falls between two stages, and a stage inside another one is not counted twice.
    """

    def __init__(self, metrics: StageMetrics, arrived: float | None) -> None:
        self._metrics = metrics
        self._stage_began = time.perf_counter()
        self._seconds: dict[str, float] = {}
        self.arrived = self._stage_began if arrived is None else arrived
        """`time.perf_counter()` when the work arrived."""
        self.exemplar = exemplar()
        """The trace of this work, attached to its observations."""

    @contextmanager
    def stage(self, name: str, *, span_name: str | None = None, attributes: Attributes | None = None) -> Iterator[Span]:
        """Observe the duration of the block, count an error, and open a span with this name.

        A stage whose work is traced by a wrapper of its port, such as `TracedEmbedder`, needs no span of its own.
        """
        failures = self._metrics.failures
        has_succeeded = False
        try:
            with nullcontext(INVALID_SPAN) if span_name is None else span(span_name, attributes) as opened:
                yield opened
            has_succeeded = True
        except Exception:  # A defect in a stage is a failure of that stage too. It is raised again.
            if failures and name in failures:
                failures[name].inc()
            raise
        finally:
            if has_succeeded or failures is None:
                self._end(name)

    @property
    def elapsed(self) -> float:
        """Seconds since the work arrived."""
        return time.perf_counter() - self.arrived

    def timings(self) -> dict[str, float]:
        """Return each finished stage and the total, in seconds."""
        return {name: round(seconds, 6) for name, seconds in (self._seconds | {"total": self.elapsed}).items()}

    def _end(self, name: str) -> None:
        now = time.perf_counter()
        seconds, self._stage_began = now - self._stage_began, now
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds
        self._metrics.durations[name].observe(seconds, self.exemplar)
