"""The real `python -m ingest`, which is killed the moment it calls a named function for the n-th time.

    python -m tests.support.fakes.mortal rag/store/edge/store.py:stage 2 worker

Python's own profiler watches the calls, so the program is the one that everybody runs, with nothing in it for tests.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from ingest.__main__ import main
from ingest.worker.worker import work  # noqa: F401 - imported before the profiler slows imports down
from rag.embedding import onnx  # noqa: F401 - likewise
from rag.store import edge  # noqa: F401 - likewise


def arm(place: str, nth: int) -> None:
    file, _, name = place.partition(":")
    path = str(Path.cwd() / file)
    met = 0

    def watch(frame: FrameType, event: str, _: object) -> None:
        nonlocal met
        code = frame.f_code
        if event != "call" or code.co_name != name or code.co_filename != path:
            return
        # A coroutine that goes on after an `await` counts as called too, but then it is past its first line.
        if frame.f_lineno != code.co_firstlineno:
            return
        met += 1
        if met == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    sys.argv = ["ingest", *sys.argv[3:]]
    sys.exit(main())
