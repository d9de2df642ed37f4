"""What a program prints, where another one may be reading it."""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def exit_on_broken_pipe() -> Iterator[None]:
    """Whoever reads may have had enough before the end, as `head` has: then the program ends as quietly as `cat`."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not _has_no_reader(sys.stdout.fileno()):
            raise  # It was somebody else's pipe.
        # Python flushes once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None


def _has_no_reader(pipe: int) -> bool:
    poll = select.poll()
    poll.register(pipe, 0)  # Errors and hang-ups are reported without being asked for.
    return bool(poll.poll(0))
