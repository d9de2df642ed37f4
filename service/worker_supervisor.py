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

from rag.log_stream import LogStream
from rag.tasks import finish, supervise
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
_LAST_LINE_SECONDS = 1.0
_LONGEST_LINE_BYTES = 1 << 20
_REASON_CHARS = 500
# Fields of a log line, the most telling first. `text` is the message of a program that ends.
_REASON_FIELDS = ("reason", "text", "error", "event")
_PR_SET_PDEATHSIG = 1
_NICENESS = 15


def open_worker(watch: WorkerWatch, *, log_format: str) -> AbstractAsyncContextManager[object]:
    """Run one worker and restart it when it ends. On Linux the worker also ends if this process is killed."""
    watch.note_start()
    return supervise("worker_supervisor", _keep_running(watch, log_format), essential=False)


async def _keep_running(watch: WorkerWatch, log_format: str) -> None:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        began = time.monotonic()
        status: int | None = None
        try:
            status, last_line = await _run_worker(log_format)
            reason = f"The worker ended with status {status}. {last_line}".strip()
        except OSError as error:  # No process, memory or file descriptor is left. That may pass.
            last_line = str(error)
            reason = f"The worker cannot be started: {error.strerror or error}."
        if time.monotonic() - began > _STABLE_SECONDS:
            pause = _FIRST_PAUSE_SECONDS
        watch.note_end(reason)
        log.error("worker_ended", status=status, reason=last_line, restart_in_seconds=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        WORKER_RESTARTS.inc()


async def _run_worker(log_format: str) -> tuple[int, str]:
    """Run the worker until it ends. Return its exit status, and the reason in the last line of its standard error."""
    stream = LogStream()
    # The worker writes to a pipe, so it does not see that a person reads its lines.
    format_of_child = "console" if log_format == "auto" and stream.is_terminal else log_format
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ingest", "worker", "--exit-with-parent"),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"RAG_LOG_FORMAT": format_of_child},
        limit=_LONGEST_LINE_BYTES,
        preexec_fn=partial(_prepare_child, os.getpid()),
        # Otherwise Ctrl-C in the terminal would also interrupt the worker, which the service stops by itself.
        start_new_session=True,
    )
    assert process.stderr is not None
    passing_on = asyncio.ensure_future(_pass_on(process.stderr, stream))
    try:
        status = await process.wait()
        # Not longer, because a parser process that has not ended yet holds the pipe open.
        done, _ = await asyncio.wait([passing_on], timeout=_LAST_LINE_SECONDS)
        return status, _reason_in(passing_on.result() if done else "")
    except asyncio.CancelledError:
        await finish(_stop(process))
        raise
    finally:
        passing_on.cancel()


async def _pass_on(output: asyncio.StreamReader, stream: LogStream) -> str:
    """Copy the worker's lines to the log of this process. Return the last one."""
    last_line = ""
    while True:
        try:
            content = await output.readline()
        except ValueError:  # A line that is too long is lost.
            continue
        if not content:
            return last_line
        line = content.decode(errors="replace").rstrip()
        stream.write_line(line)
        last_line = line or last_line


def _reason_in(line: str) -> str:
    """Return the reason in a line of the log, or the line itself if it is not JSON."""
    with suppress(ValueError):
        event = json.loads(line)
        if isinstance(event, dict):
            line = str(next((event[name] for name in _REASON_FIELDS if event.get(name)), line))
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
