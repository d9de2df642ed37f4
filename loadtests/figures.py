"""What a run comes to; every figure's definition stands beside it and is printed with it."""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from loadtests.asking import Observation
from loadtests.open_loop import Run

DEFINITIONS = {
    "loop": "open: requests are sent at Poisson arrivals, whatever became of those before",
    "TTFT": "first piece of the answer's text - intended start of the request; events without text do not count",
    "TPOT": "(latency - TTFT) / (tokens - 1) of one answer, tokens as the model counts them; none for one token",
    "ITL": "time between two pieces of text, all answers pooled",
    "latency": "end of the stream - intended start of the request",
    "percentiles": "nearest rank; over answers that came to their end, refused and failed requests are left out",
    "refused": "429, whether or not with Retry-After; counted apart",
    "failed": "any other status, a broken or timed-out stream; counted apart",
    "declined": "answers, within the percentiles, that say that the documents do not hold it: no model was asked; "
    "share: / all answers",
    "goodput": "answers that meet every objective (TTFT, TPOT, latency) / seconds of arrivals; share: / all requests",
    "in flight": "integral of the client's own counter / window; the first quarter of the run is left out",
    "Little's law": "in flight against rate x mean time in the system, refused and failed included; error: ratio - 1",
    "late": "when a request was really sent - when it was due: by Poisson arrivals also the lag of the client's loop",
}
_RANKS = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """What a good answer keeps to, in seconds."""

    ttft: float
    tpot: float
    latency: float

    def are_met_by(self, seen: Observation) -> bool:
        return (
            seen.outcome == "ok"
            and seen.ttft <= self.ttft
            and (seen.tpot or 0.0) <= self.tpot
            and seen.latency <= self.latency
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Of a list of seconds; NaN where it is empty."""

    count: int
    mean: float
    min: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        if not values:
            return cls(count=0, **dict.fromkeys(("mean", "min", "p50", "p90", "p95", "p99", "max"), math.nan))
        ordered = sorted(values)
        ranks = {f"p{rank}": ordered[math.ceil(len(ordered) * rank / 100) - 1] for rank in _RANKS}
        return cls(count=len(ordered), mean=statistics.fmean(ordered), min=ordered[0], max=ordered[-1], **ranks)


@dataclass(frozen=True, slots=True, kw_only=True)
class LittlesLaw:
    """Two ways to the mean number in flight."""

    in_flight: float
    rate: float
    mean_time: float

    @property
    def error(self) -> float:
        expected = self.rate * self.mean_time
        return self.in_flight / expected - 1 if expected else 0.0

    @classmethod
    def of(cls, run: Run) -> "LittlesLaw":
        window, steady = run.concurrency, run.steady
        return cls(
            in_flight=window.mean,
            rate=len(steady) / (window.end - window.begin),
            mean_time=statistics.fmean(seen.latency for seen in steady) if steady else 0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Times in seconds."""

    requests: int
    seconds: float
    rate: float
    """Requests a second that really arrived."""
    answered: int
    declined: int
    declined_share: float
    refused: int
    refused_without_retry_after: int
    failed: int
    unsent: int
    reasons: dict[str, int]
    """Why requests were refused or failed, the most frequent first."""
    ttft: Spread
    tpot: Spread
    itl: Spread
    latency: Spread
    refusal: Spread
    """How long a refused request waited to hear so."""
    goodput: float
    goodput_share: float
    in_flight: LittlesLaw
    most_in_flight: int
    late: Spread

    @classmethod
    def of(cls, run: Run, objectives: Objectives) -> "Figures":
        seen = run.observations
        answered = [one for one in seen if one.outcome == "ok"]
        refused = [one for one in seen if one.outcome == "refused"]
        declined = sum(one.declined for one in answered)
        good = sum(objectives.are_met_by(one) for one in answered)
        requests = len(seen) + run.unsent
        return cls(
            requests=requests,
            seconds=run.seconds,
            rate=requests / run.seconds,
            answered=len(answered),
            declined=declined,
            declined_share=declined / len(answered) if answered else math.nan,
            refused=len(refused),
            refused_without_retry_after=sum(one.retry_after is None for one in refused),
            failed=len(seen) - len(answered) - len(refused),
            unsent=run.unsent,
            reasons=dict(Counter(one.reason for one in seen if one.outcome != "ok").most_common(5)),
            ttft=Spread.of([one.ttft for one in answered]),
            tpot=Spread.of([pace for one in answered if (pace := one.tpot) is not None]),
            itl=Spread.of([gap for one in answered for gap in _gaps(one)]),
            latency=Spread.of([one.latency for one in answered]),
            refusal=Spread.of([one.latency for one in refused]),
            goodput=good / run.seconds,
            goodput_share=good / requests if requests else 0.0,
            in_flight=LittlesLaw.of(run),
            most_in_flight=run.concurrency.most,
            late=Spread.of([one.sent - one.due for one in seen]),
        )

    def to_json(self) -> dict[str, object]:
        return asdict(self) | {"in_flight": asdict(self.in_flight) | {"error": self.in_flight.error}}


def _gaps(seen: Observation) -> list[float]:
    return [after - before for before, after in zip(seen.contents, seen.contents[1:], strict=False)]
