"""Supervision of long-lived tasks."""

import asyncio
import sys
from typing import Any

import pytest
from structlog.testing import capture_logs

from rag.errors import Unavailable
from rag.metrics import TASKS_FAILED
from rag.tasks import depend_on, ended_tasks, finish, open_task_group, supervise


async def _run_on() -> None:
    await asyncio.Event().wait()


async def _fail() -> None:
    raise ValueError("a secret")


async def _return() -> None:
    pass


def _failed(task: str) -> float:
    return TASKS_FAILED.labels(task)._value.get()


async def _until_ended(name: str) -> None:
    async with asyncio.timeout(60):
        while not any(task.name == name for task in ended_tasks()):  # noqa: ASYNC110 - a record sets no event
            await asyncio.sleep(0)


async def test_a_running_task_is_neither_logged_nor_counted() -> None:
    with capture_logs() as logs:
        async with supervise("healthy", _run_on(), essential=True):
            await asyncio.sleep(0)
            assert _failed("healthy") == 0
            assert ended_tasks() == []
    assert logs == []
    assert _failed("healthy") == 0


@pytest.mark.parametrize(("work", "reason"), [(_fail, "ValueError"), (_return, "it returned")])
async def test_a_task_that_ends_is_logged_once_counted_and_shown(work: Any, reason: str) -> None:
    before = _failed("mortal")
    with capture_logs() as logs:
        async with supervise("mortal", work(), essential=False):
            await _until_ended("mortal")
            [ended] = ended_tasks()
            assert (ended.name, ended.reason, ended.essential) == ("mortal", reason, False)
    assert [(line["event"], line["log_level"], line["task"], line["reason"]) for line in logs] == [
        ("task_died", "error", "mortal", reason)
    ]
    assert _failed("mortal") == before + 1
    assert ended_tasks() == [], "the record ends with the block"


async def test_a_task_that_swallows_its_cancellation_is_stopped() -> None:
    swallowed = 0

    async def swallow_once() -> None:
        nonlocal swallowed
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed += 1
        await asyncio.Event().wait()

    async with asyncio.timeout(60):
        async with supervise("stubborn", swallow_once(), essential=False):
            await asyncio.sleep(0)
    assert swallowed == 1


async def test_a_block_that_depends_on_a_task_ends_with_it() -> None:
    async with asyncio.timeout(60):
        with pytest.raises(Unavailable, match="required"):
            async with depend_on("required", _fail()):
                await asyncio.Event().wait()
    assert ended_tasks() == []


async def test_a_cancelled_block_stays_cancelled() -> None:
    async def block() -> None:
        async with depend_on("required", _run_on()):
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_group_raises_the_first_error_as_it_is_and_cancels_the_other_tasks():
    ended = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waiting")

    async def fail() -> None:
        raise Unavailable("The store is away.")

    with pytest.raises(Unavailable, match="The store is away"):
        async with open_task_group() as group:
            group.create_task(wait())
            group.create_task(fail())
    assert ended == ["waiting"]

    with pytest.raises(ValueError, match="of the block"):
        async with open_task_group():
            raise ValueError("of the block")


def test_a_program_that_is_stopped_by_a_signal_reports_no_dead_task():
    async def serve() -> None:
        async with supervise("stopped_by_a_signal", _run_on(), essential=False):
            asyncio.get_running_loop().call_soon(sys.exit, 143)
            try:
                await _run_on()
            finally:
                await asyncio.sleep(0.01)  # The task ends before the block that supervises it.

    with capture_logs() as logs, pytest.raises(SystemExit):
        asyncio.run(serve())
    assert logs == []
    assert _failed("stopped_by_a_signal") == 0


async def test_work_is_finished_before_a_repeated_cancellation_is_raised() -> None:
    may_end = asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        raise ValueError

    task = asyncio.create_task(finish(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    assert isinstance(raised.value.__cause__, ValueError)


async def test_finished_work_returns_its_result_or_raises_its_error() -> None:
    async def work(number: int) -> float:
        return 1 / number

    assert await finish(work(4)) == 0.25
    with pytest.raises(ZeroDivisionError):
        await finish(work(0))
