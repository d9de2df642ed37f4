"""One rate for a while, against a service that is started here or runs already."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loadtests.arrivals import poisson, zipf
from loadtests.asking import service_at
from loadtests.figures import Figures
from loadtests.limits import Limits, why_invalid
from loadtests.open_loop import run_open_loop
from loadtests.programs import Installation, installation
from loadtests.report import Result
from loadtests.stand_in import Pace
from loadtests.watching import watch

_WARM_REQUESTS = 8
_WARM_SECONDS = 4.0


@dataclass(kw_only=True)
class Bench:
    """What is loaded, with what, and what is asked of it; each run gets a seed of its own."""

    target: Installation
    questions: Sequence[str]
    limits: Limits
    seed: int
    api_key: str | None = None
    pace: Pace | None = None
    _runs: Iterator[int] = field(default_factory=itertools.count)

    async def warm(self) -> None:
        """What the first requests wait for, such as connections and caches, is left out of what is measured."""
        arrivals = [n * _WARM_SECONDS / _WARM_REQUESTS for n in range(_WARM_REQUESTS)]
        await run_open_loop(self._asked, arrivals, zipf(self.questions, seed=self.seed), seconds=_WARM_SECONDS)

    async def measure(self, rate: float, seconds: float) -> Result:
        seed = self.seed + next(self._runs)
        arrivals, questions = poisson(rate, seconds, seed=seed), zipf(self.questions, seed=seed)
        async with watch(self.target.service, self.target.processes, seconds=seconds) as watched:
            run = await run_open_loop(self._asked, arrivals, questions, seconds=seconds)
        figures = Figures.of(run, self.limits.objectives)
        return Result(
            configuration=self._configuration(rate, seconds, seed),
            figures=figures,
            watched=watched,
            invalid=why_invalid(figures, watched.cores["client"]),
            missed=self.limits.missed_by(figures),
            run=run,
        )

    @property
    def _asked(self) -> Any:
        return service_at(self.target.service, api_key=self.api_key)

    def _configuration(self, rate: float, seconds: float, seed: int) -> Mapping[str, Any]:
        return {
            "rate": rate,
            "seconds": seconds,
            "seed": seed,
            "service": self.target.service,
            "model": asdict(self.pace) if self.pace else None,
            "objectives": asdict(self.limits.objectives),
        }


@contextmanager
def open_target(url: str | None, documents: Path, data_dir: Path, pace: Pace) -> Iterator[Installation]:
    """The service at the URL, or else one that is started over the documents, with a stand-in for its model."""
    if url:
        yield Installation(service=url.rstrip("/"), model="", processes={})
    else:
        with installation(documents, data_dir, pace) as started:
            yield started
