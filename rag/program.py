"""What every command-line program does at its start and its end."""

import errno
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rag.settings import KernelSettings

S = TypeVar("S", bound="KernelSettings")


def exit_on_sigterm() -> None:
    """Exit with status 143 on SIGTERM.

    Call it before heavy imports: the first process of a container ignores every signal that has no handler.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def run_program(
    name: str,
    settings_type: "type[S]",
    command: Callable[[S], int | None],
    *,
    log_level: str | None = None,
    when_interrupted: str = "",
) -> int:
    """Run a command with the settings of the environment and return the process's exit status.

    A `GroundworkError` becomes one line on standard error and status 1.
    `log_level` overrides the configured level: a person reads the output of a command, and log lines would bury it.
    """
    # Imported here, because this module is imported before SIGTERM has a handler.
    from rag.errors import GroundworkError  # noqa: PLC0415
    from rag.logs import configure_logging  # noqa: PLC0415
    from rag.retries import log_retries  # noqa: PLC0415
    from rag.settings import read_settings  # noqa: PLC0415

    try:
        settings = read_settings(settings_type)
        configure_logging(settings.model_copy(update={"log_level": log_level}) if log_level else settings)
        log_retries()
        with report_unwritable_folder(), exit_on_broken_pipe():
            return command(settings) or 0
    except GroundworkError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - the one line that the operator needs
        return 1
    except KeyboardInterrupt:
        if when_interrupted:
            print(f"{name}: {when_interrupted}", file=sys.stderr)  # noqa: T201
        return 128 + signal.SIGINT


@contextmanager
def report_unwritable_folder() -> Iterator[None]:
    """Raise `Misconfigured` if the data directory cannot be written, as with a volume of another user."""
    from rag.errors import Misconfigured  # noqa: PLC0415 - as in `run_program`

    try:
        yield
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EROFS}:
            raise
        user = os.getuid()
        raise Misconfigured(
            f"{error.filename} cannot be written by user {user}: {error.strerror}. Make the folder in RAG_DATA_DIR "
            f"writable for this user. In a container, mount a volume or a folder that belongs to user {user}."
        ) from error


@contextmanager
def exit_on_broken_pipe() -> Iterator[None]:
    """Exit with status 141 and without a message if the reader of standard output closes it early, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not _has_no_reader(sys.stdout.fileno()):
            raise  # Another pipe broke, such as a connection to a server.
        # Python flushes standard output once more at exit and would report the same error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from None


def _has_no_reader(pipe: int) -> bool:
    poll = select.poll()
    poll.register(pipe, 0)  # The kernel reports errors and hang-ups even if no event is requested.
    return bool(poll.poll(0))
