"""The queueing model against the real service: three loads, interleaved, and how far the prediction was off.

The stand-in's pace is the only thing that is given; how long an answer holds its place at the Gate, and what comes
before it, is measured first with nobody in front.
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
from loadtests.asking import Target, service_at
from loadtests.drawing import open_figure, to_svg
from loadtests.figures import Spread
from loadtests.open_loop import Run, run_open_loop
from loadtests.programs import Installation, installation
from loadtests.queueing import Gate, Simulated, predict, simulate
from loadtests.stand_in import Pace
from loadtests.watching import Watched, watch

LOADS = (0.5, 0.85, 1.3)
"""Shares of what the Gate can do at most: ample, nearly full, too much."""
PACE = Pace(ttft=0.2, tpot=0.04, sigma=0.3, tokens=8)
SERVERS, WAITING = 4, 8
_ALONE_EVERY = 1.25
_WARMING_SHARE = 0.25
_ENTERED, _WAITED = "rag_gate_wait_seconds_count", "rag_gate_wait_seconds_sum"
_REFUSED = "rag_gate_refusals_total"
_SIMULATED = 100_000
_QUESTIONS = 20
HEADER = (
    "| load | at the Gate | round | requests | refused | predicted | mean wait | predicted | simulated | TTFT, mean "
    "| predicted | TTFT, p95 | simulated |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """An answer with nobody in front; seconds."""

    before: float
    """From the request to the Gate: embedding, search, the prompt."""
    first: float
    """From the Gate to the first piece."""
    held: float
    """How long it holds its place."""
    variation: float
    """Squared coefficient of variation of that."""
    cpu: float
    """Of the service's process, for one answer; with its share of two looks a second at the metrics."""
    held_each: Sequence[float]
    ttft_each: Sequence[float]

    @property
    def gate(self) -> Gate:
        return Gate(servers=SERVERS, waiting=WAITING, service=self.held, variation=self.variation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One run beside what was said of it; seconds."""

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


async def check(
    documents: Path, folder: Path, *, rounds: int, seconds: float, alone_seconds: float = 40.0
) -> tuple[Alone, list[Checked]]:
    """Prints a row as soon as it is there, and leaves all as JSON and a picture in the folder."""
    settings = {"RAG_GENERATOR__CONCURRENCY": str(SERVERS), "RAG_ANSWERING__WAITING": str(WAITING)}
    with installation(documents, folder / "data", PACE, **settings) as started:
        questions = zipf(await _answered(started, read_questions(documents)), seed=1)
        alone = await _measure_alone(started, questions, alone_seconds)
        print(_to_sentence(alone), flush=True)
        print(HEADER, flush=True)
        checked = []
        for number in range(rounds):
            for load in LOADS:
                row = await _check_once(started, questions, alone, load=load, number=number, seconds=seconds)
                print(row.to_row(), flush=True)
                checked.append(row)
    (folder / "capacity-check.json").write_text(
        json.dumps({"alone": asdict(alone), "runs": [asdict(row) for row in checked]}, indent=1)
    )
    (folder / "queueing.svg").write_text(draw(alone, checked))
    return alone, checked


def draw(alone: Alone, checked: Sequence[Checked]) -> str:
    """What the formula says for every load, and what was seen."""
    rates = [share / 50 * alone.gate.capacity for share in range(1, 76)]
    said = [predict(alone.gate, rate) for rate in rates]
    figure, axes = open_figure(
        f"A Gate of {SERVERS} with room for {WAITING}", across="arrivals a second", up="mean wait, s"
    )
    axes.plot(rates, [one.wait for one in said], color="#2a6f4e", label="wait, predicted")
    axes.scatter([row.rate for row in checked], [row.wait for row in checked], s=12, color="#2a6f4e", label="seen")
    shares = axes.twinx()
    shares.set(ylabel="refused", ylim=(0, 0.5))
    shares.plot(rates, [one.refused for one in said], color="#d08700", label="refused, predicted")
    shares.scatter([row.rate for row in checked], [row.refused for row in checked], s=12, color="#d08700", label="seen")
    axes.legend(loc="upper left")
    shares.legend(loc="center left")
    return to_svg(figure)


async def _answered(started: Installation, questions: list[str]) -> list[str]:
    """Those that the model is asked for: what is declined never comes to the Gate."""
    kept: list[str] = []
    target = service_at(started.service)
    for question in questions[:_QUESTIONS]:
        run = await run_open_loop(target, [0.0], iter([question]), seconds=0.1)
        kept += [question] if run.observations[0].outcome == "ok" and not run.observations[0].declined else []
    return kept


async def _measure_alone(started: Installation, questions: Iterator[str], seconds: float) -> Alone:
    arrivals = [number * _ALONE_EVERY for number in range(int(seconds / _ALONE_EVERY))]
    run, watched = await _run(started, arrivals, questions, seconds=seconds)
    seen = [one for one in run.observations if one.outcome == "ok"]
    first = _mean_delay(PACE.ttft)
    before = max(0.0, statistics.fmean(one.ttft for one in seen) - first)
    held = [one.latency - before for one in seen]
    return Alone(
        before=before,
        first=first,
        held=statistics.fmean(held),
        variation=statistics.pvariance(held) / statistics.fmean(held) ** 2,
        cpu=watched.cores["service"] * seconds / len(seen),
        held_each=held,
        ttft_each=[one.ttft for one in seen],
    )


async def _check_once(
    started: Installation, questions: Iterator[str], alone: Alone, *, load: float, number: int, seconds: float
) -> Checked:
    arrivals = poisson(load * alone.gate.capacity, seconds, seed=number)
    beginning = asyncio.create_task(_ask_the_gate(started, after=seconds * _WARMING_SHARE))
    run, watched = await _run(started, arrivals, questions, seconds=seconds)
    before, after = await beginning, await _ask_the_gate(started)
    seen = {name: after[name] - before[name] for name in after}
    came = seen[_ENTERED] + seen[_REFUSED]
    # What really came: a Poisson stream of seconds has its own rate.
    rate = came / (seconds * (1 - _WARMING_SHARE))
    said, played = predict(alone.gate, rate), _simulate(alone, rate)
    answered = Spread.of([one.ttft for one in run.steady if one.outcome == "ok"])
    chance = random.Random(1)
    # A percentile of a sum is none of its parts': each wait with a time without one, drawn as the waits were.
    played_ttft = Spread.of([wait + chance.choice(alone.ttft_each) for wait in played.waits])
    return Checked(
        load=load,
        rate=rate,
        round=number + 1,
        requests=int(came),
        refused=seen[_REFUSED] / came,
        predicted_refused=said.refused,
        wait=seen[_WAITED] / seen[_ENTERED],
        predicted_wait=said.wait,
        simulated_wait=played.wait,
        ttft=answered.mean,
        predicted_ttft=said.wait + alone.before + alone.first,
        ttft_p95=answered.p95,
        simulated_ttft_p95=played_ttft.p95,
        service_cores=watched.cores["service"],
        failed=sum(one.outcome == "failed" and one.retry_after is None for one in run.observations),
    )


async def _run(
    started: Installation, arrivals: Sequence[float], questions: Iterator[str], *, seconds: float
) -> tuple[Run, Watched]:
    target: Target = service_at(started.service)
    async with watch(started.service, started.processes, seconds=seconds) as watched:
        run = await run_open_loop(target, arrivals, questions, seconds=seconds)
    return run, watched


async def _ask_the_gate(started: Installation, *, after: float = 0.0) -> dict[str, float]:
    """What the Gate itself has counted: how long each waited there, whatever else it waited for."""
    await asyncio.sleep(after)
    async with aiohttp.ClientSession() as session, session.get(f"{started.service}/metrics") as response:
        exposition = await response.text()
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name in {_ENTERED, _WAITED, _REFUSED} and sample.labels.get("gate") == "generator"
    }


def _simulate(alone: Alone, rate: float) -> Simulated:
    """With the times that were measured, drawn again and again."""

    def draw(chance: random.Random) -> float:
        return chance.choice(alone.held_each)

    return simulate(alone.gate, rate, requests=_SIMULATED, seed=1, service=draw)


def _mean_delay(median: float) -> float:
    """Of a log-normal delay."""
    return float(median * math.exp(PACE.sigma**2 / 2))


def _to_sentence(alone: Alone) -> str:
    return (
        f"Alone: {alone.before * 1000:.0f} ms to the Gate, {alone.held:.3f} s in it (squared coefficient of variation "
        f"{alone.variation:.3f}), {alone.cpu * 1000:.1f} ms of the processor; at most {alone.gate.capacity:.2f}/s"
    )
