"""The metrics of a run. Their definitions are printed with every report."""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from loadtests.client import RequestRecord
from loadtests.open_loop import LoadRun

DEFINITIONS = {
    "loop": "open: requests are sent at Poisson arrival times, whether or not earlier requests have ended",
    "TTFT": "first visible text of the answer - intended start of the request; white space does not count",
    "TPOT": "(latency - TTFT) / (tokens - 1) of one answer, with the model's own token count; undefined for one token",
    "ITL": "time between two pieces of text, pooled over all answers",
    "latency": "end of the stream - intended start of the request",
    "percentiles": "nearest rank, over completed answers; overloaded and failed requests are excluded",
    "overloaded": "status 429, with or without Retry-After; counted separately",
    "failed": "any other error status, or a stream that broke or timed out; counted separately",
    "declined": "completed answers which say that the documents do not contain the answer; the model is not called. "
    "Share: / completed answers",
    "goodput": "answers that meet every objective (TTFT, TPOT, latency) / seconds of arrivals. Share: / all requests",
    "in flight": "integral of the client's own counter / window; the first quarter of the run is excluded",
    "Little's law": "requests in flight against arrival rate x mean time in the system, with overloaded and failed "
    "requests. Error: ratio - 1",
    "late": "time at which a request was sent - time at which it was due; shows when the client is too slow",
}
_PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """The limits of a good answer, in seconds."""

    ttft: float
    tpot: float
    latency: float

    def are_met_by(self, record: RequestRecord) -> bool:
        return (
            record.outcome == "ok"
            and record.ttft <= self.ttft
            and (record.tpot or 0.0) <= self.tpot
            and record.latency <= self.latency
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Count, mean and percentiles of a list of seconds. All but the count are NaN for an empty list."""

    count: int
    mean: float
    min: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Distribution":
        if not values:
            return cls(count=0, **dict.fromkeys(("mean", "min", "p50", "p90", "p95", "p99", "max"), math.nan))
        ordered = sorted(values)
        ranks = {f"p{rank}": ordered[math.ceil(len(ordered) * rank / 100) - 1] for rank in _PERCENTILES}
        return cls(count=len(ordered), mean=statistics.fmean(ordered), min=ordered[0], max=ordered[-1], **ranks)


@dataclass(frozen=True, slots=True, kw_only=True)
class LittlesLaw:
    """The mean number of requests in flight, once counted and once computed from rate and mean time."""

    in_flight: float
    rate: float
    mean_time: float

    @property
    def error(self) -> float:
        expected = self.rate * self.mean_time
        return self.in_flight / expected - 1 if expected else 0.0

    @classmethod
    def of(cls, run: LoadRun) -> "LittlesLaw":
        window, steady = run.concurrency, run.steady
        return cls(
            in_flight=window.mean,
            rate=len(steady) / (window.end - window.begin),
            mean_time=statistics.fmean(record.latency for record in steady) if steady else 0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMetrics:
    """The metrics of one run. Times are seconds."""

    requests: int
    seconds: float
    rate: float
    """Requests per second that actually arrived."""
    answered: int
    declined: int
    declined_share: float
    overloaded: int
    overloaded_without_retry_after: int
    failed: int
    unsent: int
    reasons: dict[str, int]
    """Reasons of overloaded and failed requests with their counts, the five most frequent ones."""
    ttft: Distribution
    tpot: Distribution
    itl: Distribution
    latency: Distribution
    overloaded_latency: Distribution
    """Time until a request received its 429."""
    goodput: float
    goodput_share: float
    in_flight: LittlesLaw
    most_in_flight: int
    late: Distribution

    @classmethod
    def of(cls, run: LoadRun, objectives: Objectives) -> "RunMetrics":
        records = run.records
        answered = [record for record in records if record.outcome == "ok"]
        overloaded = [record for record in records if record.outcome == "overloaded"]
        declined = sum(record.declined for record in answered)
        good = sum(objectives.are_met_by(record) for record in answered)
        requests = len(records) + run.unsent
        reasons = Counter(record.reason for record in records if record.outcome != "ok")
        return cls(
            requests=requests,
            seconds=run.seconds,
            rate=requests / run.seconds,
            answered=len(answered),
            declined=declined,
            declined_share=declined / len(answered) if answered else math.nan,
            overloaded=len(overloaded),
            overloaded_without_retry_after=sum(record.retry_after is None for record in overloaded),
            failed=len(records) - len(answered) - len(overloaded),
            unsent=run.unsent,
            reasons=dict(reasons.most_common(5)),
            ttft=Distribution.of([record.ttft for record in answered]),
            tpot=Distribution.of([tpot for record in answered if (tpot := record.tpot) is not None]),
            itl=Distribution.of([gap for record in answered for gap in _gaps(record)]),
            latency=Distribution.of([record.latency for record in answered]),
            overloaded_latency=Distribution.of([record.latency for record in overloaded]),
            goodput=good / run.seconds,
            goodput_share=good / requests if requests else 0.0,
            in_flight=LittlesLaw.of(run),
            most_in_flight=run.concurrency.peak,
            late=Distribution.of([record.sent - record.due for record in records]),
        )

    def to_json(self) -> dict[str, object]:
        return asdict(self) | {"in_flight": asdict(self.in_flight) | {"error": self.in_flight.error}}


def _gaps(record: RequestRecord) -> list[float]:
    return [after - before for before, after in pairwise(record.content_times)]
