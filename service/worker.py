"""The ingest worker as a child process, for installations where nobody else starts one."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog

log = structlog.get_logger()

_RESTART_SECONDS = 2.0
_STOP_SECONDS = 3.0
_PR_SET_PDEATHSIG = 1
_NICENESS = 15


@asynccontextmanager
async def open_worker() -> AsyncIterator[None]:
    """Keeps one worker running; it ends with this process even when this process is killed."""
    keeper = asyncio.create_task(_keep_running())
    try:
        yield
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper


async def _keep_running() -> None:
    while True:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ingest", "worker", "--exit-with-parent"),
            stdin=asyncio.subprocess.DEVNULL,
            preexec_fn=partial(_step_back, os.getpid()),
            # Ctrl-C in the terminal is for the service, which then stops its worker.
            start_new_session=True,
        )
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            await _stop(process)
            raise
        log.warning("worker_ended", status=status, restart_in_seconds=_RESTART_SECONDS)
        await asyncio.sleep(_RESTART_SECONDS)


def _step_back(parent: int) -> None:
    """On one machine answers come first: documents are embedded with the time that answering leaves.

    And where the kernel can do it, the worker ends at once with the service, in the middle of a document too: nothing
    is acknowledged before it is published.
    """
    os.nice(_NICENESS)
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # One that was killed before this was said ends nobody any more.
        if os.getppid() != parent:
            os._exit(1)


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
