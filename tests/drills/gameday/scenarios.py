"""What is broken, how, and which alerts should say so."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

from tests.drills.gameday.stage import Stage
from tests.support.programs import ingest
from tests.support.workers import wait_until_at_work

_DOCUMENTS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Broken for as long as the block runs, and mended when it ends."""

    title: str
    done: str
    mended: str
    alerts: frozenset[str]
    broken: Callable[[Stage], AbstractAsyncContextManager[None]]
    looks_at_days: bool = False
    """Its rules need a clock that makes a minute of a day, and a reference of what users ask."""


@asynccontextmanager
async def _model_fails(stage: Stage) -> AsyncIterator[None]:
    stage.model.fails = True
    yield
    stage.model.fails = False


@asynccontextmanager
async def _model_thinks(stage: Stage) -> AsyncIterator[None]:
    stage.model.thinks_seconds = 2.5
    yield
    stage.model.thinks_seconds = 0.0


@asynccontextmanager
async def _model_cites_nothing(stage: Stage) -> AsyncIterator[None]:
    stage.model.cites = False
    yield
    stage.model.cites = True


@asynccontextmanager
async def _crowd(stage: Stage) -> AsyncIterator[None]:
    before, stage.users.count, stage.model.thinks_seconds = stage.users.count, 16, 1.0
    yield
    stage.users.count, stage.model.thinks_seconds = before, 0.0


@asynccontextmanager
async def _off_topic(stage: Stage) -> AsyncIterator[None]:
    stage.users.off_topic = True
    yield
    stage.users.off_topic = False


@asynccontextmanager
async def _slow_store(stage: Stage) -> AsyncIterator[None]:
    stage.store.delay = 0.7
    yield
    stage.store.delay = 0.0


@asynccontextmanager
async def _no_store(stage: Stage) -> AsyncIterator[None]:
    await stage.upload(1)
    await stage.store.stop()
    await stage.upload(1)
    yield
    await stage.store.start()


@asynccontextmanager
async def _killed_replica(stage: Stage) -> AsyncIterator[None]:
    async with stage.second_worker() as second:
        await asyncio.to_thread(second.end, signal.SIGKILL)
        yield


@asynccontextmanager
async def _killed_worker(stage: Stage) -> AsyncIterator[None]:
    await stage.upload(_DOCUMENTS)
    await asyncio.to_thread(stage.worker.end, signal.SIGKILL)
    yield
    stage.worker.start()


@asynccontextmanager
async def _deadly_documents(stage: Stage) -> AsyncIterator[None]:
    await stage.upload(_DOCUMENTS)
    await asyncio.to_thread(wait_until_at_work, stage.data_dir)
    await asyncio.to_thread(stage.worker.end, signal.SIGKILL)
    stage.worker.start()
    yield
    await asyncio.to_thread(ingest, "dead-letter", "replay", "all", data_dir=stage.data_dir)


@asynccontextmanager
async def _late_documents(stage: Stage) -> AsyncIterator[None]:
    """The worker is started again before the alerts are waited for: the late documents have to arrive to be counted."""
    await asyncio.to_thread(stage.worker.end, signal.SIGTERM)
    await stage.upload(_DOCUMENTS)
    await asyncio.sleep(8)
    stage.worker.start()
    yield


@asynccontextmanager
async def _blocked_loop(stage: Stage) -> AsyncIterator[None]:
    async def block() -> None:
        while True:
            stage.service.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(0.3)
            stage.service.process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.5)

    blocking = asyncio.create_task(block())
    yield
    blocking.cancel()
    with suppress(asyncio.CancelledError):
        await blocking
    stage.service.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def _no_collector(stage: Stage) -> AsyncIterator[None]:
    await asyncio.to_thread(stage.collector.stop)
    yield
    stage.collector.start()


@asynccontextmanager
async def _frozen_service(stage: Stage) -> AsyncIterator[None]:
    stage.service.process.send_signal(signal.SIGSTOP)
    yield
    stage.service.process.send_signal(signal.SIGCONT)


SCENARIOS = [
    Scenario(
        title="The language model fails",
        done="the model server answers every call with 500",
        mended="the model server answers again",
        alerts=frozenset({"LanguageModelDown", "AvailabilityBudgetBurning"}),
        broken=_model_fails,
    ),
    Scenario(
        title="The model cites nothing",
        done="the model writes answers without a marker",
        mended="the model cites again",
        alerts=frozenset({"GroundednessBudgetBurning"}),
        broken=_model_cites_nothing,
    ),
    Scenario(
        title="The model is slow to begin",
        done="the model server thinks for 2.5 s before its first piece",
        mended="it begins at once again",
        alerts=frozenset({"FirstTokenBudgetBurning"}),
        broken=_model_thinks,
    ),
    Scenario(
        title="More users than the model can serve",
        done="four times the users, and a model that thinks for 1 s; 4 calls run, 4 may wait",
        mended="the crowd goes home",
        alerts=frozenset({"GateRefusing"}),
        broken=_crowd,
    ),
    Scenario(
        title="Questions off the topic",
        done="users ask about painters; the documents are about pumps",
        mended="users ask about pumps again",
        alerts=frozenset({"RefusalsHigh"}),
        broken=_off_topic,
    ),
    Scenario(
        title="The store is slow",
        done="each search of the Qdrant server takes 0.7 s longer",
        mended="the delay is gone",
        alerts=frozenset({"StoreSlow"}),
        broken=_slow_store,
    ),
    Scenario(
        title="The store is away",
        done="the Qdrant server is stopped while documents wait",
        mended="the server is started",
        alerts=frozenset({"SearchFailing", "QueueStalled"}),
        broken=_no_store,
    ),
    Scenario(
        title="One of two workers is gone",
        done="a second worker is started, and killed when Prometheus has seen it",
        mended="it is no target of Prometheus any more, as in a cluster a replica that was replaced",
        alerts=frozenset({"ReplicaDown"}),
        broken=_killed_replica,
    ),
    Scenario(
        title="The worker is gone",
        done=f"kill -9 with {_DOCUMENTS} documents in the inbox",
        mended="the worker is started",
        alerts=frozenset({"WorkerDown"}),
        broken=_killed_worker,
    ),
    Scenario(
        title="Documents that end the worker",
        done="kill -9 in the middle of documents that may have one attempt, and a new worker",
        mended="`python -m ingest dead-letter replay all`",
        alerts=frozenset({"DeadLetters"}),
        broken=_deadly_documents,
    ),
    Scenario(
        title="Documents wait too long",
        done=f"the worker is stopped, {_DOCUMENTS} documents are uploaded, and it is started 8 s later",
        mended="nothing: the worker has caught up",
        alerts=frozenset({"FreshnessBudgetBurning"}),
        broken=_late_documents,
    ),
    Scenario(
        title="The event loop is blocked",
        done="the service is stopped (SIGSTOP) for 0.3 s again and again",
        mended="it runs freely",
        alerts=frozenset({"EventLoopBlocked"}),
        broken=_blocked_loop,
    ),
    Scenario(
        title="The collector of traces is gone",
        done="nothing listens where spans are sent",
        mended="the collector is started",
        alerts=frozenset({"TracesLost"}),
        broken=_no_collector,
    ),
    Scenario(
        title="Users ask about something else",
        done="users ask about painters; the reference was made of what they ask about pumps",
        mended="users ask about pumps again",
        alerts=frozenset({"QuestionsDrifted"}),
        broken=_off_topic,
        looks_at_days=True,
    ),
    Scenario(
        title="The service hangs",
        done="the service is stopped (SIGSTOP)",
        mended="it is continued",
        alerts=frozenset({"ServiceDown"}),
        broken=_frozen_service,
    ),
]
