"""The overhead of the service: its time to first token compared with embedding, search and model alone (ADR 0032).

The service and the parts alone answer the same number of concurrent clients in turn, over copies of one collection and
with one stand-in model of constant delays. Each client waits for its answer before it continues (a closed loop). The
parts run in the client's process. Everything else that the service does is overhead: HTTP, prompt, citations, events,
metrics and logs.
"""

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import aiohttp
import psutil

from evals.collection import open_configured_embedder
from loadtests.arrivals import read_questions
from loadtests.client import RequestRecord, ask, model_at, service_at
from loadtests.stand_in import Delays
from loadtests.target import open_local_target
from rag.errors import Unavailable
from rag.settings import EdgeStoreSettings
from rag.store.factory import build_backend
from rag.types import Scope
from service.metrics import ANSWER_STAGES
from service.retrieval.retriever import Retriever
from service.settings import Settings

HEADER = (
    "| streams | answers | parts, TTFT p50 | service, TTFT p50 | overhead of the p50 | of the p95 "
    "| service, CPU ms an answer |\n|---|---|---|---|---|---|---|"
)
# Long enough that streams overlap, and constant so that chance has no effect.
_PACE = Delays(ttft=0.2, tpot=0.02, sigma=0.0, tokens=64)
_ANSWER_SECONDS = _PACE.ttft + _PACE.tpot * _PACE.tokens
_MIN_ANSWERS = 6
_TIMEOUT_SECONDS = 60.0
_SCOPE = Scope(tenant="default")
Ask = Callable[[str], Awaitable[RequestRecord]]
MinMedianMax = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """Minimum, median and maximum over the rounds, in seconds."""

    streams: int
    answers: int
    """Answers of the service, and of the parts, in all rounds."""
    parts: MinMedianMax
    service: MinMedianMax
    added: MinMedianMax
    """p50 of the service - p50 of the parts, per round."""
    added_p95: MinMedianMax
    cpu: MinMedianMax
    """CPU time of the service per answer."""

    def to_row(self) -> str:
        times = (self.parts, self.service, self.added, self.added_p95, self.cpu)
        return f"| {self.streams} | {self.answers} | {' | '.join(map(_to_text, times))} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    p50: float
    p95: float
    cpu: float


async def measure_overhead(
    documents: Path, settings: Settings, *, streams: Sequence[int], rounds: int
) -> AsyncIterator[Overhead]:
    """Measure parts and service `rounds` times per number of streams, in alternating order."""
    questions = cycle(read_questions(documents))
    # Not temporary, so a second call does not embed the documents again.
    data_dir = settings.data_dir / "overhead"
    with tempfile.TemporaryDirectory() as scratch, open_local_target(documents, data_dir, _PACE) as running:
        # Only one process may open a shard, so the parts need a copy of the collection.
        copy = Path(shutil.copytree(data_dir / "store", Path(scratch) / "store"))
        process = psutil.Process(running.processes["service"])
        async with _bare(copy, settings, running.model) as parts, _client() as session:

            async def service(question: str) -> RequestRecord:
                target = service_at(running.service)
                return await ask(session, target, question, due=_now(), clock=_now, timeout_seconds=_TIMEOUT_SECONDS)

            for number in streams:
                seen: dict[str, list[_Round]] = {"parts": [], "service": []}
                answers = max(_MIN_ANSWERS, 2 * number)
                for turn in range(rounds + 1):
                    order: list[tuple[str, Ask]] = [("parts", parts), ("service", service)]
                    for name, ask_once in order if turn % 2 else reversed(order):
                        asked = list(islice(questions, answers))
                        result = await _measure(ask_once, asked, number, process)
                        if turn:  # The first turn warms up connections and caches.
                            seen[name].append(result)
                yield _to_overhead(number, answers * rounds, seen["parts"], seen["service"])


@asynccontextmanager
async def _bare(store: Path, settings: Settings, model: str) -> AsyncIterator[Ask]:
    """Yield a function that embeds, searches and calls the model, and does nothing else."""
    async with (
        open_configured_embedder(settings) as embedder,
        build_backend(EdgeStoreSettings(), root=store).open_reader(embedder.identity) as reader,
        _client() as client,
    ):
        retriever = Retriever(reader, settings.retrieval)

        async def answer(question: str) -> RequestRecord:
            started = _now()
            vector = await embedder.embed_query(question)
            await retriever.retrieve(
                _SCOPE, question, vector, limit=settings.retrieval.limit, timer=ANSWER_STAGES.start()
            )
            return await ask(
                client, model_at(model), question, due=started, clock=_now, timeout_seconds=_TIMEOUT_SECONDS
            )

        yield answer


async def _measure(ask_once: Ask, questions: Sequence[str], streams: int, process: psutil.Process) -> _Round:
    """Let `streams` clients share the questions. Their starts are spread over the duration of one answer."""
    remaining = iter(questions)
    before = _cpu(process)

    async def client(number: int) -> list[RequestRecord]:
        await asyncio.sleep(_ANSWER_SECONDS * number / streams)
        return [await ask_once(question) for question in remaining]

    seen = [observation for each in await asyncio.gather(*map(client, range(streams))) for observation in each]
    if failed := [observation.reason for observation in seen if observation.outcome != "ok"]:
        raise Unavailable(f"{len(failed)} of {len(seen)} answers failed: {failed[0]}")
    # A declined question does not call the model, so its time does not count.
    times = sorted(observation.ttft for observation in seen if not observation.declined)
    cpu = (_cpu(process) - before) / len(seen)
    return _Round(p50=statistics.median(times), p95=times[int(0.95 * (len(times) - 1))], cpu=cpu)


def _to_overhead(streams: int, answers: int, parts: Sequence[_Round], service: Sequence[_Round]) -> Overhead:
    pairs = list(zip(service, parts, strict=True))
    return Overhead(
        streams=streams,
        answers=answers,
        parts=_min_median_max([one.p50 for one in parts]),
        service=_min_median_max([one.p50 for one in service]),
        added=_min_median_max([mine.p50 - bare.p50 for mine, bare in pairs]),
        added_p95=_min_median_max([mine.p95 - bare.p95 for mine, bare in pairs]),
        cpu=_min_median_max([one.cpu for one in service]),
    )


def _min_median_max(values: Sequence[float]) -> MinMedianMax:
    return min(values), statistics.median(values), max(values)


def _to_text(values: MinMedianMax) -> str:
    return "{:.1f} / {:.1f} / {:.1f} ms".format(*(value * 1000 for value in values))


def _client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None))


def _now() -> float:
    return time.perf_counter()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
