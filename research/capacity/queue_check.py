"""Compares the queueing model with the real service at three loads (ADR 0033).

Only the stand-in's delays are given. The time that an answer spends before and in the gate is measured first, with one
request at a time. The rounds interleave the loads, so a slow phase of the machine affects all of them.
"""

import asyncio
import json
import math
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from loadtests.arrivals import poisson, read_questions, zipf
from loadtests.capacity.queueing import QueueModel, QueueSimulation, predict, simulate
from loadtests.client import service_at
from loadtests.metrics import Distribution
from loadtests.open_loop import LoadRun, run_open_loop
from loadtests.plots import build_figure, to_svg
from loadtests.sampling import ServiceSamples, sample_service
from loadtests.stand_in import Delays
from loadtests.target import LoadTarget, open_local_target

LOADS = (0.5, 0.85, 1.3)
"""Shares of the gate's capacity: well below it, nearly full, and overloaded."""
DELAYS = Delays(ttft=0.2, tpot=0.04, sigma=0.3, tokens=8)
SERVERS, WAITING = 4, 8
# Longer than an answer takes, so that requests do not overlap.
_UNLOADED_INTERVAL_SECONDS = 1.25
_WARMUP_SHARE = 0.25
_ENTERED, _WAITED = "rag_gate_wait_seconds_count", "rag_gate_wait_seconds_sum"
_REFUSED = "rag_gate_refusals_total"
_SIMULATED_REQUESTS = 100_000
_QUESTIONS = 20
HEADER = (
    "| load | at the gate | round | requests | refused | predicted | mean wait | predicted | simulated | TTFT, mean "
    "| predicted | TTFT, p95 | simulated |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnloadedAnswer:
    """The times of an answer that never waits, in seconds."""

    before: float
    """From the request to the gate: embedding, search, prompt."""
    first: float
    """From the gate to the first piece of text."""
    held: float
    """Mean time for which the answer occupies a place of the gate."""
    variation: float
    """Squared coefficient of variation of `held`."""
    cpu: float
    """CPU seconds of the service per answer. Two scrapes of the metrics per second are part of them."""
    held_each: Sequence[float]
    ttft_each: Sequence[float]

    @property
    def gate(self) -> QueueModel:
        return QueueModel(servers=SERVERS, waiting=WAITING, service=self.held, variation=self.variation)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCheck:
    """One run beside its prediction. Times are seconds."""

    load: float
    rate: float
    round: int
    requests: int
    refused: float
    predicted_refused: float
    wait: float
    predicted_wait: float
    simulated_wait: float
    ttft: float
    predicted_ttft: float
    ttft_p95: float
    simulated_ttft_p95: float
    service_cores: float
    failed: int

    def to_row(self) -> str:
        shares = f"{self.refused:.1%} | {self.predicted_refused:.1%}"
        waits = (self.wait, self.predicted_wait, self.simulated_wait)
        times = (*waits, self.ttft, self.predicted_ttft, self.ttft_p95, self.simulated_ttft_p95)
        return (
            f"| {self.load:.2f} | {self.rate:.2f}/s | {self.round} | {self.requests} | {shares} | "
            f"{' | '.join(f'{time * 1000:.0f} ms' for time in times)} |"
        )


async def check_queue_model(
    documents: Path, folder: Path, *, rounds: int, seconds: float, unloaded_seconds: float = 40.0
) -> tuple[UnloadedAnswer, list[QueueCheck]]:
    """Run all loads in each round, print a row per run, and write JSON and a plot to the folder."""
    settings = {"RAG_GENERATOR__CONCURRENCY": str(SERVERS), "RAG_ANSWERING__WAITING": str(WAITING)}
    with open_local_target(documents, folder / "data", DELAYS, **settings) as target:
        questions = zipf(await _select_answered(target, read_questions(documents)), seed=1)
        unloaded = await _measure_unloaded(target, questions, unloaded_seconds)
        print(_to_sentence(unloaded), flush=True)
        print(HEADER, flush=True)
        checks = []
        for number in range(rounds):
            for load in LOADS:
                check = await _check_load(target, questions, unloaded, load=load, number=number, seconds=seconds)
                print(check.to_row(), flush=True)
                checks.append(check)
    (folder / "capacity-check.json").write_text(
        json.dumps({"alone": asdict(unloaded), "runs": [asdict(check) for check in checks]}, indent=1)
    )
    (folder / "queueing.svg").write_text(plot_checks(unloaded, checks))
    return unloaded, checks


def plot_checks(unloaded: UnloadedAnswer, checks: Sequence[QueueCheck]) -> str:
    """Plot the predicted wait and share of refusals for all loads, and the measured values."""
    rates = [share / 50 * unloaded.gate.capacity for share in range(1, 76)]
    predictions = [predict(unloaded.gate, rate) for rate in rates]
    measured_rates = [check.rate for check in checks]
    figure, axes = build_figure(
        f"A gate of {SERVERS} with room for {WAITING}", xlabel="arrivals per second", ylabel="mean wait, s"
    )
    axes.plot(rates, [one.wait for one in predictions], color="#2a6f4e", label="wait, predicted")
    axes.scatter(measured_rates, [check.wait for check in checks], s=12, color="#2a6f4e", label="measured")
    shares = axes.twinx()
    shares.set(ylabel="refused", ylim=(0, 0.5))
    shares.plot(rates, [one.refused for one in predictions], color="#d08700", label="refused, predicted")
    shares.scatter(measured_rates, [check.refused for check in checks], s=12, color="#d08700", label="measured")
    axes.legend(loc="upper left")
    shares.legend(loc="center left")
    return to_svg(figure)


async def _select_answered(target: LoadTarget, questions: list[str]) -> list[str]:
    """Return the questions for which the service calls the model. A declined question never enters the gate."""
    answered: list[str] = []
    endpoint = service_at(target.service)
    for question in questions[:_QUESTIONS]:
        [record] = (await run_open_loop(endpoint, [0.0], iter([question]), seconds=0.1)).records
        if record.outcome == "ok" and not record.declined:
            answered.append(question)
    return answered


async def _measure_unloaded(target: LoadTarget, questions: Iterator[str], seconds: float) -> UnloadedAnswer:
    arrivals = [number * _UNLOADED_INTERVAL_SECONDS for number in range(int(seconds / _UNLOADED_INTERVAL_SECONDS))]
    run, samples = await _run(target, arrivals, questions, seconds=seconds)
    answered = [record for record in run.records if record.outcome == "ok"]
    first = _mean_delay(DELAYS.ttft)
    before = max(0.0, statistics.fmean(record.ttft for record in answered) - first)
    held = [record.latency - before for record in answered]
    return UnloadedAnswer(
        before=before,
        first=first,
        held=statistics.fmean(held),
        variation=statistics.pvariance(held) / statistics.fmean(held) ** 2,
        cpu=samples.cores["service"] * seconds / len(answered),
        held_each=held,
        ttft_each=[record.ttft for record in answered],
    )


async def _check_load(
    target: LoadTarget,
    questions: Iterator[str],
    unloaded: UnloadedAnswer,
    *,
    load: float,
    number: int,
    seconds: float,
) -> QueueCheck:
    arrivals = poisson(load * unloaded.gate.capacity, seconds, seed=number)
    after_warmup = asyncio.create_task(_read_gate_metrics(target, delay=seconds * _WARMUP_SHARE))
    run, samples = await _run(target, arrivals, questions, seconds=seconds)
    before, after = await after_warmup, await _read_gate_metrics(target)
    counted = {name: after[name] - before[name] for name in after}
    requests = counted[_ENTERED] + counted[_REFUSED]
    # A Poisson process of some seconds deviates from its nominal rate. The prediction is for the actual rate.
    rate = requests / (seconds * (1 - _WARMUP_SHARE))
    prediction, simulation = predict(unloaded.gate, rate), _simulate(unloaded, rate)
    ttft = Distribution.of([record.ttft for record in run.steady if record.outcome == "ok"])
    random_source = random.Random(1)
    # Percentiles do not add up, so each simulated wait is added to a randomly drawn TTFT without a wait.
    simulated_ttft = Distribution.of([wait + random_source.choice(unloaded.ttft_each) for wait in simulation.waits])
    return QueueCheck(
        load=load,
        rate=rate,
        round=number + 1,
        requests=int(requests),
        refused=counted[_REFUSED] / requests,
        predicted_refused=prediction.refused,
        wait=counted[_WAITED] / counted[_ENTERED],
        predicted_wait=prediction.wait,
        simulated_wait=simulation.wait,
        ttft=ttft.mean,
        predicted_ttft=prediction.wait + unloaded.before + unloaded.first,
        ttft_p95=ttft.p95,
        simulated_ttft_p95=simulated_ttft.p95,
        service_cores=samples.cores["service"],
        failed=sum(record.outcome == "failed" and record.retry_after is None for record in run.records),
    )


async def _run(
    target: LoadTarget, arrivals: Sequence[float], questions: Iterator[str], *, seconds: float
) -> tuple[LoadRun, ServiceSamples]:
    async with sample_service(target.service, target.processes, seconds=seconds) as samples:
        run = await run_open_loop(service_at(target.service), arrivals, questions, seconds=seconds)
    return run, samples


async def _read_gate_metrics(target: LoadTarget, *, delay: float = 0.0) -> dict[str, float]:
    """Return the generator gate's own counters. Its wait excludes all other delays of a request."""
    await asyncio.sleep(delay)
    async with aiohttp.ClientSession() as session, session.get(f"{target.service}/metrics") as response:
        exposition = await response.text()
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name in {_ENTERED, _WAITED, _REFUSED} and sample.labels.get("gate") == "generator"
    }


def _simulate(unloaded: UnloadedAnswer, rate: float) -> QueueSimulation:
    """Simulate the gate with service times drawn from the measured ones."""

    def draw(random_source: random.Random) -> float:
        return random_source.choice(unloaded.held_each)

    return simulate(unloaded.gate, rate, requests=_SIMULATED_REQUESTS, seed=1, service=draw)


def _mean_delay(median: float) -> float:
    """Return the mean of a log-normal delay."""
    return float(median * math.exp(DELAYS.sigma**2 / 2))


def _to_sentence(unloaded: UnloadedAnswer) -> str:
    return (
        f"One request at a time: {unloaded.before * 1000:.0f} ms to the gate, {unloaded.held:.3f} s in it (squared "
        f"coefficient of variation {unloaded.variation:.3f}), {unloaded.cpu * 1000:.1f} ms of CPU time. "
        f"The gate's capacity is {unloaded.gate.capacity:.2f}/s."
    )
