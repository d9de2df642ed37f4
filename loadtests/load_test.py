"""One run at a constant rate, against a service that is started for it or already runs."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loadtests.arrivals import poisson, zipf
from loadtests.client import Target, service_at
from loadtests.limits import Limits, why_invalid
from loadtests.metrics import RunMetrics
from loadtests.open_loop import run_open_loop
from loadtests.report import LoadResult
from loadtests.sampling import sample_service
from loadtests.stand_in import Delays
from loadtests.target import LoadTarget, open_local_target

_WARMUP_REQUESTS = 8
_WARMUP_SECONDS = 4.0


@dataclass(kw_only=True)
class LoadTest:
    """A target with the questions and limits of its runs. Each run has its own seed."""

    target: LoadTarget
    questions: Sequence[str]
    limits: Limits
    seed: int
    api_key: str | None = None
    delays: Delays | None = None
    _runs: Iterator[int] = field(default_factory=itertools.count)

    async def warm_up(self) -> None:
        """Send a few requests, so that new connections and cold caches are not part of the measurement."""
        arrivals = [n * _WARMUP_SECONDS / _WARMUP_REQUESTS for n in range(_WARMUP_REQUESTS)]
        await run_open_loop(self._endpoint, arrivals, zipf(self.questions, seed=self.seed), seconds=_WARMUP_SECONDS)

    async def measure(self, rate: float, seconds: float) -> LoadResult:
        seed = self.seed + next(self._runs)
        arrivals, questions = poisson(rate, seconds, seed=seed), zipf(self.questions, seed=seed)
        async with sample_service(self.target.service, self.target.processes, seconds=seconds) as samples:
            run = await run_open_loop(self._endpoint, arrivals, questions, seconds=seconds)
        metrics = RunMetrics.of(run, self.limits.objectives)
        return LoadResult(
            configuration=self._configuration(rate, seconds, seed),
            metrics=metrics,
            samples=samples,
            invalid=why_invalid(metrics, samples.cores["client"]),
            missed=self.limits.missed_by(metrics),
            run=run,
        )

    @property
    def _endpoint(self) -> Target:
        return service_at(self.target.service, api_key=self.api_key)

    def _configuration(self, rate: float, seconds: float, seed: int) -> Mapping[str, Any]:
        return {
            "rate": rate,
            "seconds": seconds,
            "seed": seed,
            "service": self.target.service,
            "model": asdict(self.delays) if self.delays else None,
            "objectives": asdict(self.limits.objectives),
        }


@contextmanager
def open_target(url: str | None, documents: Path, data_dir: Path, delays: Delays) -> Iterator[LoadTarget]:
    """Yield the service at the URL or, without one, start a service over the documents with a stand-in model."""
    if url:
        yield LoadTarget(service=url.rstrip("/"), model="", processes={})
    else:
        with open_local_target(documents, data_dir, delays) as target:
            yield target
