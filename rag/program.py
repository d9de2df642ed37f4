"""Start and end of every command-line program."""

import errno
import os
import resource
import select
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from rag.settings import KernelSettings

S = TypeVar("S", bound="KernelSettings")


# Ctrl-C must end a program within 3 seconds. What still works then may be killed: every write to disk survives it.
_INTERRUPTED_SECONDS = 2.5
# More connections than one process can serve. Some systems allow a billion, which would hide that files run out.
_OPEN_FILES = 65_536
# A log line takes milliseconds, unless the reader of the log is stuck.
_TELLING_SECONDS = 0.3


def prepare_process(name: str) -> None:
    """Prepare this process for what may happen from now on. Call it before heavy imports."""
    # The first process of a container ignores every signal that has no handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    _open_missing_streams()
    _allow_more_files()
    sentence = f"{name}: interrupted."
    # An exception would end up in the import of a library, which may print or ignore it.
    signal.signal(signal.SIGINT, lambda *_: _leave(sentence))
    from rag.tracing.environment import repair_environment  # noqa: PLC0415 - heavy

    repair_environment()  # Before opentelemetry is imported, which the next imports do.
    from rag.logs import configure_logging, log_what_python_prints  # noqa: PLC0415
    from rag.settings import read_log_settings  # noqa: PLC0415

    configure_logging(read_log_settings())
    log_what_python_prints()
    signal.signal(signal.SIGINT, lambda *_: _tell_and_leave(sentence))


def run_program(
    name: str,
    settings_type: "type[S]",
    command: Callable[[S], int | None],
    *,
    log_level: str | None = None,
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
        with report_denied_access(), exit_on_broken_pipe():
            settings = read_settings(settings_type)
            _require_folder(settings.data_dir)
            return command(settings) or 0
    except GroundworkError as error:
        say_why_it_ends(f"{name}: {error.describe()}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


async def cancelled_by_interrupt(work: Coroutine[Any, Any, int], sentence: str) -> int:
    """Await `work`. Ctrl-C prints the sentence, cancels the work, and ends the process after a moment in any case.

    A thread that loads a model cannot be cancelled, and the end of the event loop would wait for it.
    """
    import asyncio  # noqa: PLC0415 - as in `run_program`

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    is_interrupted = False

    def interrupt(_: int, __: FrameType | None) -> None:
        nonlocal is_interrupted
        if is_interrupted:
            _leave()
        is_interrupted = True
        end_soon(sentence)
        loop.call_soon_threadsafe(task.cancel)

    signal.signal(signal.SIGINT, interrupt)
    try:
        return await work
    except asyncio.CancelledError:
        if is_interrupted:
            _leave()
        raise


def end_soon(sentence: str) -> None:
    """Print the message, and end this process with status 130 if it has not ended by itself in time."""
    _tell(sentence)
    timer = threading.Timer(_INTERRUPTED_SECONDS, _leave)
    timer.daemon = True
    timer.start()


def _allow_more_files() -> None:
    """Raise the limit of open files, which is 1,024 on many systems: each stream takes one.

    Without a free one, uvloop resets new connections, and no log line says so.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError):  # macOS has a smaller limit of its own, which no call tells. Nothing changes then.
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _tell(sentence: str) -> None:
    """Print that the program ends, from a signal handler.

    A thread does it, because the handler may have interrupted a log line, whose lock it would wait for.
    """
    from rag.logs import report  # noqa: PLC0415 - as in `run_program`

    thread = threading.Thread(target=report, args=["interrupted", sentence], daemon=True)
    thread.start()
    thread.join(_TELLING_SECONDS)


def _tell_and_leave(sentence: str) -> NoReturn:
    _tell(sentence)
    _leave()


def _leave(sentence: str = "") -> NoReturn:
    """End this process now. Unlike an exception, this also works inside imports and while threads run."""
    with suppress(OSError, ValueError, RuntimeError):
        sys.stdout.flush()
        os.write(2, f"{sentence}\n".encode() if sentence else b"")
    os._exit(128 + signal.SIGINT)


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
    # A terminal may not have every character that is printed.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # typed as TextIO


@contextmanager
def report_denied_access() -> Iterator[None]:
    """Raise `Misconfigured` if this user may not read or write a file, as with a volume of another user."""
    from rag.denials import describe_denial  # noqa: PLC0415 - as in `run_program`
    from rag.errors import Misconfigured  # noqa: PLC0415

    try:
        yield
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            raise Misconfigured(
                "This process may not open more files. Raise the limit, for example with `ulimit -n 4096`."
            ) from error
        if error.errno not in {errno.EACCES, errno.EROFS} or error.filename is None:
            raise
        raise Misconfigured(describe_denial(Path(os.fsdecode(error.filename)), str(error.strerror))) from error


def _require_folder(path: Path) -> None:
    """Raise `Misconfigured` if something that is not a folder has the name of the data directory."""
    from rag.errors import Misconfigured  # noqa: PLC0415 - as in `run_program`

    if os.path.lexists(path) and not path.is_dir():
        what = "a symbolic link to a folder that does not exist" if path.is_symlink() else "not a folder"
        raise Misconfigured(f"{path} is {what}. Remove it, or set RAG_DATA_DIR to another folder.")


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
    except OSError as error:
        if error.errno != errno.ENOSPC or not _is_full(sys.stdout.fileno()):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        from rag.errors import Unavailable  # noqa: PLC0415 - as in `run_program`

        raise Unavailable(
            "The output cannot be written, because its disk is full. Free space, and try again."
        ) from error


def _is_full(descriptor: int) -> bool:
    """Return True if the descriptor does not take one more byte."""
    try:
        return os.write(descriptor, b"\n") == 0
    except OSError:
        return True


def _has_no_reader(pipe: int) -> bool:
    poll = select.poll()
    poll.register(pipe, 0)  # The kernel reports errors and hang-ups even if no event is requested.
    return bool(poll.poll(0))
