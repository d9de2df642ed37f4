"""Standard error as the target of log lines. Writing to it neither fails nor blocks, so no line ends its program."""

import os
import select
import stat
import sys
import threading
from contextlib import suppress
from typing import TextIO

from rag.metrics import LOG_LINES_LOST

_PATIENCE_MS = 100


class LogStream:
    """Writes lines to the stream that was standard error when this object was made.

    A closed pipe or a full disk loses the line. A pipe whose reader is stuck delays one line by a tenth of a second;
    further lines are lost until the reader continues. `rag_log_lines_lost_total` counts them.
    """

    def __init__(self) -> None:
        self._stream: TextIO | None = sys.stderr  # None if the program was started with a closed standard error.
        self._descriptor = _descriptor(self._stream)
        self._piece_bytes = _piece_bytes(self._descriptor)
        self._poll = select.poll()
        if self._descriptor is not None:
            self._poll.register(self._descriptor, select.POLLOUT)
        self._lock = threading.Lock()
        self._patience_ms = _PATIENCE_MS
        self._is_inside_line = False

    @property
    def is_terminal(self) -> bool:
        """True if a person reads the lines."""
        return self._stream is not None and not self._stream.closed and self._stream.isatty()

    def write_line(self, line: str) -> None:
        if self._descriptor is None:
            # A stream without a file, such as the one of a test.
            with suppress(OSError, ValueError):
                if self._stream is not None:
                    print(line, file=self._stream, flush=True)
            return
        with self._lock:
            if not self._write(self._descriptor, line.encode(errors="backslashreplace") + b"\n"):
                LOG_LINES_LOST.inc()

    def _write(self, descriptor: int, content: bytes) -> bool:
        """Return True if everything was written."""
        if self._is_inside_line:
            content = b"\n" + content
        try:
            while content:
                if not self._is_writable():
                    return False
                # Not through Python's buffer, which keeps what it could not write and fails again at exit.
                written = os.write(descriptor, content[: self._piece_bytes])
                content = content[written:]
                self._is_inside_line = bool(content)
        except OSError:
            return False
        return True

    def _is_writable(self) -> bool:
        is_writable = bool(self._poll.poll(self._patience_ms))
        self._patience_ms = _PATIENCE_MS if is_writable else 0
        return is_writable


def _descriptor(stream: TextIO | None) -> int | None:
    try:
        return stream.fileno() if stream is not None else None
    except (OSError, ValueError):
        return None


def _piece_bytes(descriptor: int | None) -> int | None:
    """Return how much a pipe takes without blocking once poll reports it as writable, or None for other files."""
    try:
        is_file = descriptor is None or stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        is_file = True
    return None if is_file else select.PIPE_BUF
