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


def prepare_process() -> None:
    """Prepare this process for what may happen from now on. Call it before heavy imports."""
    # The first process of a container ignores every signal that has no handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    _open_missing_streams()
    from rag.tracing.environment import repair_environment  # noqa: PLC0415 - heavy

    repair_environment()  # Before opentelemetry is imported, which the next imports do.
    from rag.logs import configure_logging, log_what_python_prints  # noqa: PLC0415
    from rag.settings import read_log_settings  # noqa: PLC0415

    configure_logging(read_log_settings())
    log_what_python_prints()


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
    The person also gets plain sentences, unless RAG_LOG_FORMAT is json.
    """
    # Imported here, because this module is imported before SIGTERM has a handler.
    from rag.errors import GroundworkError  # noqa: PLC0415
    from rag.logs import configure_logging, say_why_it_ends  # noqa: PLC0415
    from rag.retries import log_retries  # noqa: PLC0415
    from rag.settings import read_log_settings, read_settings  # noqa: PLC0415

    # Before the other settings are read, so that their faults are reported in the configured format.
    log_settings = read_log_settings()
    configure_logging(
        log_settings.model_copy(update={"log_level": log_level}) if log_level else log_settings,
        is_command=log_level is not None,
    )
    log_retries()
    try:
        settings = read_settings(settings_type)
        with report_unwritable_folder(), exit_on_broken_pipe():
            return command(settings) or 0
    except GroundworkError as error:
        say_why_it_ends(f"{name}: {error.describe()}")
        return 1
    except KeyboardInterrupt:
        if when_interrupted:
            say_why_it_ends(f"{name}: {when_interrupted}")
        return 128 + signal.SIGINT


def _open_missing_streams() -> None:
    """Open the null device in place of standard streams that the parent closed.

    Otherwise the next file or connection would get the number of standard error, and log lines would be written to it.
    """
    for stream, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(stream)
        except OSError:
            # The lowest free number is this one, because the lower ones are open.
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(stream, "r" if name == "stdin" else "w", closefd=False))


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
