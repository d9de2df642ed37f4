"""The ingest worker as a child process of the service (`RAG_WORKER=child`)."""

import asyncio
import ctypes
import os
import signal
import sys
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial

import structlog

from rag.tasks import supervise

log = structlog.get_logger()

# Long enough that a worker which fails at once does not take a core from the service.
_RESTART_SECONDS = 2.0
_STOP_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1
_NICENESS = 15


def open_worker() -> AbstractAsyncContextManager[object]:
    """Run one worker and restart it when it ends. On Linux the worker also ends if this process is killed."""
    return supervise("worker", _keep_running(), essential=False)


async def _keep_running() -> None:
    while True:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ingest", "worker", "--exit-with-parent"),
            stdin=asyncio.subprocess.DEVNULL,
            preexec_fn=partial(_prepare_child, os.getpid()),
            # Otherwise Ctrl-C in the terminal would also interrupt the worker, which the service stops by itself.
            start_new_session=True,
        )
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            await _stop(process)
            raise
        log.warning("worker_ended", status=status, restart_in_seconds=_RESTART_SECONDS)
        await asyncio.sleep(_RESTART_SECONDS)


def _prepare_child(parent: int) -> None:
    """Lower the worker's priority, so that answers come before ingestion, and tie its life to the service.

    Killing the worker in the middle of a document is safe: it acknowledges an entry only after publishing it.
    """
    os.nice(_NICENESS)
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # If the service died before prctl, the kernel sends no signal any more.
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
