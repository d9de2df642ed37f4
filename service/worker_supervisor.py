"""The ingest worker as a child process of the service (`RAG_WORKER=child`)."""

import asyncio
import ctypes
import json
import os
import signal
import sys
import time
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial

import structlog

from rag.tasks import supervise
from service.metrics import WORKER_RESTARTS
from service.worker_watch import WorkerWatch

log = structlog.get_logger()

# Long enough that a worker which fails at once does not take a core from the service.
_FIRST_PAUSE_SECONDS = 2.0
# A worker that fails again and again needs an operator, and each start takes a second of CPU time.
_LONGEST_PAUSE_SECONDS = 60.0
# A worker that ran for longer has not failed at its start.
_STABLE_SECONDS = 60.0
_STOP_SECONDS = 1.0
_OUTPUT_BYTES = 4096
_REASON_CHARS = 500
_PR_SET_PDEATHSIG = 1
_NICENESS = 15


def open_worker(watch: WorkerWatch) -> AbstractAsyncContextManager[object]:
    """Run one worker and restart it when it ends. On Linux the worker also ends if this process is killed."""
    return supervise("worker_supervisor", _keep_running(watch), essential=False)


async def _keep_running(watch: WorkerWatch) -> None:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        began = time.monotonic()
        watch.note_start()
        status, last_line = await _run_worker()
        if time.monotonic() - began > _STABLE_SECONDS:
            pause = _FIRST_PAUSE_SECONDS
        reason = f"The worker ended with status {status}. {last_line}".strip()
        watch.note_end(reason)
        log.error("worker_ended", status=status, reason=last_line, restart_in_seconds=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        WORKER_RESTARTS.inc()


async def _run_worker() -> tuple[int, str]:
    """Run the worker until it ends. Return its exit status, and the last line that it wrote to standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ingest", "worker", "--exit-with-parent"),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=partial(_prepare_child, os.getpid()),
        # Otherwise Ctrl-C in the terminal would also interrupt the worker, which the service stops by itself.
        start_new_session=True,
    )
    try:
        last_line = await _pass_on(process.stderr)
        return await process.wait(), last_line
    except asyncio.CancelledError:
        await _stop(process)
        raise


async def _pass_on(output: asyncio.StreamReader | None) -> str:
    """Copy the worker's standard error to that of this process. Return the reason in its last line."""
    assert output is not None
    tail = b""
    while piece := await output.read(_OUTPUT_BYTES):
        with suppress(OSError, ValueError):  # A closed or full standard error must not stop the worker.
            sys.stderr.buffer.write(piece)
            sys.stderr.buffer.flush()
        tail = (tail + piece)[-_OUTPUT_BYTES:]
    return _reason_in(tail.decode(errors="replace").strip().rpartition("\n")[2])


def _reason_in(line: str) -> str:
    """Return the reason of a line of the log, or the line itself if it is not JSON."""
    with suppress(ValueError):
        event = json.loads(line)
        if isinstance(event, dict):
            line = str(event.get("reason") or event.get("error") or event.get("event", ""))
    return line[:_REASON_CHARS]


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
