"""Supervision of long-lived tasks: if one ends before its block, it is logged, counted and shown by probes.

`open_task_group` is for short ones, which end with their block.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from rag.errors import Unavailable
from rag.metrics import TASKS_FAILED

log = structlog.get_logger()

T = TypeVar("T")

_CANCEL_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTask:
    """A supervised task that ended while the block around it still runs."""

    name: str
    reason: str
    essential: bool
    """True if this process cannot answer without the task."""


_ended: dict[asyncio.Task[None], EndedTask] = {}


def ended_tasks() -> list[EndedTask]:
    """Return the supervised tasks of this process that ended although their blocks still run."""
    return list(_ended.values())


@asynccontextmanager
async def supervise(
    name: str, work: Coroutine[Any, Any, None], *, essential: bool
) -> AsyncIterator[asyncio.Task[None]]:
    """Run `work` as a task while the block runs, then cancel it.

    `work` should not end by itself. If it does, the block continues, and `/readyz` of the service shows the task. With
    `essential`, `/readyz` then also answers 503.
    """
    TASKS_FAILED.labels(name)
    task, block = asyncio.create_task(work, name=name), asyncio.current_task()
    is_stopping = False

    def report(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if is_stopping and error is None:
            return
        # The end of the event loop, after a signal, cancels all tasks at once.
        if task.cancelled() and block is not None and block.cancelling():
            return
        # The text of an unknown error may hold content, so probes show its type only.
        reason = type(error).__name__ if error else "it returned"
        _ended[task] = EndedTask(name=name, reason=reason, essential=essential)
        TASKS_FAILED.labels(name).inc()
        log.error("task_died", task=name, reason=reason, exc_info=error)

    task.add_done_callback(report)
    try:
        yield task
    finally:
        is_stopping = True
        while not task.done():
            # Cancelled again, because a library such as redis-py may swallow a cancellation.
            task.cancel()
            await asyncio.wait([task], timeout=_CANCEL_SECONDS)
        _ended.pop(task, None)


@asynccontextmanager
async def depend_on(name: str, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Supervise `work`, and cancel the block if it ends; the block then raises `Unavailable`.

    For a block that would wait for ever without the task.
    """
    block = asyncio.current_task()
    has_ended = False

    def end_block(_: asyncio.Task[None]) -> None:
        nonlocal has_ended
        has_ended = True
        if block is not None:
            block.cancel()

    async with supervise(name, work, essential=True) as task:
        task.add_done_callback(end_block)
        try:
            yield
        except asyncio.CancelledError as error:
            # Another cancellation of the block, such as that of a stop, must go on.
            if has_ended and block is not None and block.uncancel() == 0:
                raise Unavailable(f"The task {name} ended unexpectedly. The log has its traceback.") from error
            raise
        finally:
            task.remove_done_callback(end_block)


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Await the work to its end, even if this task is cancelled meanwhile, and only then raise the cancellation.

    For work that goes on although its task has left it, such as a thread or a process.
    """
    task = asyncio.ensure_future(work)
    cancellation = None
    # A loop, because `supervise` cancels again until a task has ended.
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation from (None if task.cancelled() else task.exception())
    return task.result()


@asynccontextmanager
async def open_task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """Open a task group that raises the first error of its tasks as it is, and not in a group.

    `except*` does not serve: up to Python 3.11.3, an error that is raised inside it gets a group again.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
