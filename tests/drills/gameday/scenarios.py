"""The scenarios of the game day: a fault, its fix, and the alerts that it must raise."""

import asyncio
import os
import resource
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, suppress
from dataclasses import dataclass

from tests.drills.gameday.stage import Stage
from tests.support.programs import ingest
from tests.support.workers import wait_until_at_work

_DOCUMENTS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A fault that lasts as long as the context manager `inject`, whose end is the fix."""

    title: str
    fault: str
    fix: str
    alerts: frozenset[str]
    inject: Callable[[Stage], AbstractAsyncContextManager[None]]
    covers_a_day: bool = False
    """True if the rules cover a day. They need a faster clock, and a reference of the users' questions."""


@asynccontextmanager
async def _changed(part: object, **values: object) -> AsyncIterator[None]:
    """Change attributes of a part of the stage, and restore them at the end."""
    before = {name: getattr(part, name) for name in values}
    for name, value in values.items():
        setattr(part, name, value)
    yield
    for name, value in before.items():
        setattr(part, name, value)


@asynccontextmanager
async def _model_hangs(stage: Stage) -> AsyncIterator[None]:
    async with _changed(stage.model, delay_seconds=60.0), _changed(stage.users, patience_seconds=1.0):
        yield


@asynccontextmanager
async def _crowd(stage: Stage) -> AsyncIterator[None]:
    async with _changed(stage.users, count=16), _changed(stage.model, delay_seconds=1.0):
        yield


@asynccontextmanager
async def _unreadable_inbox(stage: Stage) -> AsyncIterator[None]:
    folder = stage.data_dir / "inbox" / "dead"
    away = folder.rename(folder.with_name("away"))
    yield
    away.rename(folder)


@asynccontextmanager
async def _broken_state(stage: Stage) -> AsyncIterator[None]:
    with closing(sqlite3.connect(stage.data_dir / "state" / "state.sqlite", timeout=60)) as database:
        database.execute("ALTER TABLE records RENAME TO away")
        yield
        database.execute("ALTER TABLE away RENAME TO records")


@asynccontextmanager
async def _damaged_reference(stage: Stage) -> AsyncIterator[None]:
    reference = stage.data_dir / "drift" / "reference.npz"
    reference.parent.mkdir(exist_ok=True)
    reference.write_text("damaged")
    yield
    reference.unlink()


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
    """Start the worker before the alert is expected, because late documents count only after their publication."""
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
async def _few_files(stage: Stage) -> AsyncIterator[None]:
    pid = stage.service.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    # A tenth more than now, so that the service can still be scraped.
    limit = len(os.listdir(f"/proc/{pid}/fd")) * 11 // 10
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


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
        fault="the model server answers every call with 500",
        fix="the model server answers again",
        alerts=frozenset({"LanguageModelDown", "AvailabilityBudgetBurning"}),
        inject=lambda stage: _changed(stage.model, fails=True),
    ),
    Scenario(
        title="The model hangs",
        fault="the model server accepts each call and sends nothing, and users leave after a second",
        fix="the model server answers at once",
        alerts=frozenset({"LanguageModelDown", "ReadersLeave"}),
        inject=_model_hangs,
    ),
    Scenario(
        title="The model does not cite",
        fault="the model writes answers without citations",
        fix="the model cites again",
        alerts=frozenset({"GroundednessBudgetBurning"}),
        inject=lambda stage: _changed(stage.model, cites=False),
    ),
    Scenario(
        title="The model is slow",
        fault="the model server waits 2.5 s before its first token",
        fix="the model server answers at once",
        alerts=frozenset({"FirstTokenBudgetBurning"}),
        inject=lambda stage: _changed(stage.model, delay_seconds=2.5),
    ),
    Scenario(
        title="Too many users",
        fault="four times as many users, and a model that waits 1 s; 4 calls may run and 4 may wait",
        fix="the normal number of users",
        alerts=frozenset({"GateRefusing"}),
        inject=_crowd,
    ),
    Scenario(
        title="Questions about another topic",
        fault="users ask about painters, and the documents are about pumps",
        fix="users ask about pumps again",
        alerts=frozenset({"DeclinedHigh"}),
        inject=lambda stage: _changed(stage.users, off_topic=True),
    ),
    Scenario(
        title="The store is slow",
        fault="each search in the Qdrant server takes 0.7 s longer",
        fix="the delay is removed",
        alerts=frozenset({"StoreSlow"}),
        inject=lambda stage: _changed(stage.store, delay=0.7),
    ),
    Scenario(
        title="The store is unavailable",
        fault="the Qdrant server is stopped while documents are queued",
        fix="the server is started",
        alerts=frozenset({"SearchFailing", "QueueStalled"}),
        inject=_no_store,
    ),
    Scenario(
        title="One of two workers is killed",
        fault="a second worker is started, and killed after Prometheus has scraped it",
        fix="the worker is removed from Prometheus's targets, as a cluster does with a replaced replica",
        alerts=frozenset({"ReplicaDown"}),
        inject=_killed_replica,
    ),
    Scenario(
        title="The only worker is killed",
        fault=f"kill -9 with {_DOCUMENTS} documents in the inbox",
        fix="a worker is started",
        alerts=frozenset({"WorkerDown", "WorkerMissing"}),
        inject=_killed_worker,
    ),
    Scenario(
        title="Documents kill the worker",
        fault="kill -9 during documents that have a single attempt, and a new worker",
        fix="`python -m ingest dead-letter replay all`",
        alerts=frozenset({"DeadLetters"}),
        inject=_deadly_documents,
    ),
    Scenario(
        title="The inbox cannot be read",
        fault="a folder of the inbox is renamed",
        fix="the folder gets its name back",
        alerts=frozenset({"QueueUnknown"}),
        inject=_unreadable_inbox,
    ),
    Scenario(
        title="The shared state cannot be used",
        fault="the table of the SQLite file is renamed",
        fix="the table gets its name back",
        alerts=frozenset({"StateFailing"}),
        inject=_broken_state,
    ),
    Scenario(
        title="Documents are late",
        fault=f"the worker is stopped, {_DOCUMENTS} documents are uploaded, and the worker starts 8 s later",
        fix="none needed, the worker has caught up",
        alerts=frozenset({"FreshnessBudgetBurning"}),
        inject=_late_documents,
    ),
    Scenario(
        title="The event loop is blocked",
        fault="the service is paused (SIGSTOP) for 0.3 s repeatedly",
        fix="the service runs without pauses",
        alerts=frozenset({"EventLoopBlocked"}),
        inject=_blocked_loop,
    ),
    Scenario(
        title="File descriptors run out",
        fault="the service may open a tenth more files than it has open",
        fix="the limit is as before",
        alerts=frozenset({"OpenFilesHigh"}),
        inject=_few_files,
    ),
    Scenario(
        title="The trace collector is down",
        fault="the trace collector is stopped",
        fix="the collector is started",
        alerts=frozenset({"TracesLost"}),
        inject=_no_collector,
    ),
    Scenario(
        title="The reference of questions is damaged",
        fault="the file of the reference has other content",
        fix="the file is removed",
        alerts=frozenset({"DriftUnknown"}),
        inject=_damaged_reference,
    ),
    Scenario(
        title="Users change the topic for a day",
        fault="users ask about painters, and the reference contains questions about pumps",
        fix="users ask about pumps again",
        alerts=frozenset({"QuestionsDrifted"}),
        inject=lambda stage: _changed(stage.users, off_topic=True),
        covers_a_day=True,
    ),
    Scenario(
        title="The service hangs",
        fault="the service is paused (SIGSTOP)",
        fix="the service is continued (SIGCONT)",
        alerts=frozenset({"ServiceDown"}),
        inject=_frozen_service,
    ),
]
