"""The real `python -m ingest`, which kills itself when it calls a named function for the n-th time.

    python -m tests.support.fakes.mortal rag/store/edge/store.py:stage 2 worker

Python's profiler counts the calls, so the program itself contains no code for tests.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from ingest.__main__ import main
from ingest.worker.worker import work  # noqa: F401 - imported first, because the profiler slows imports
from rag.embedding import onnx  # noqa: F401 - likewise
from rag.store import edge  # noqa: F401 - likewise


def arm(place: str, nth: int) -> None:
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


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    sys.argv = ["ingest", *sys.argv[3:]]
    sys.exit(main())
