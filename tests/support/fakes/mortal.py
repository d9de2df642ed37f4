"""The real `python -m ingest`, which kills itself when it calls a named function for the n-th time.

Python's profiler counts the calls, so the program itself contains no code for tests.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from ingest.__main__ import main
from ingest.worker.worker import work  # noqa: F401 - imported first, because the profiler slows imports
from rag.embedding import onnx  # noqa: F401 - likewise
from rag.store import edge  # noqa: F401 - likewise
from rag.store.server import store  # noqa: F401 - likewise
from tests.support.programs import environment

_TIMEOUT_SECONDS = 180


def run_until_killed(data_dir: Path, place: str, nth: int, *command: str, **settings: str) -> None:
    """Run `python -m ingest` with this command until it kills itself; fail if it ends otherwise.

    `place` is a file and a function in it, as in `rag/store/edge/store.py:stage`.

    A server that has imported this module forks the processes, because the imports take a second.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_run, args=(place, nth, command, environment(data_dir, **settings)))
    process.start()
    try:
        process.join(_TIMEOUT_SECONDS)
        assert process.exitcode == -signal.SIGKILL, f"`ingest {' '.join(command)}` ended with {process.exitcode}."
    finally:
        process.kill()
        process.join()


def _arm(place: str, nth: int) -> None:
    file, _, name = place.partition(":")
    path = str(Path.cwd() / file)
    calls = 0

    def watch(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        code = frame.f_code
        if event != "call" or code.co_name != name or code.co_filename != path:
            return
        # Resuming a coroutine after an `await` is a call event too, but not at the function's first line.
        if frame.f_lineno != code.co_firstlineno:
            return
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)


def _run(place: str, nth: int, command: Sequence[str], variables: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    _arm(place, nth)
    sys.argv = ["ingest", *command]
    sys.exit(main())
