"""How a program ends: errors, interrupts, signals and broken pipes."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from rag.errors import NotFound
from rag.program import run_program
from rag.settings import KernelSettings

_PROGRAM = """
import sys
from rag.program import exit_on_broken_pipe
with exit_on_broken_pipe():
    print("first", flush=True)
    sys.stdin.read()
    {then}
"""


@pytest.mark.parametrize("then", ["print('second')", "print('second', flush=True)", "print('x' * 1_000_000)"])
@pytest.mark.parametrize("buffered", [[], ["-u"]])
@pytest.mark.slow
def test_a_reader_that_closes_the_pipe_ends_the_program_silently(then, buffered):
    program, said = run_and_leave(then, *buffered)
    assert (program.returncode, said) == (141, "")


@pytest.mark.slow
def test_a_program_may_open_as_many_files_as_the_system_allows():
    program = """
import resource
from rag.program import prepare_process
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
prepare_process("demo")
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert [int(limit) for limit in printed.split()] == [65_536 if hard == -1 else min(hard, 65_536), hard]


@pytest.mark.slow
def test_a_broken_connection_to_a_server_is_an_error():
    program, said = run_and_leave("raise BrokenPipeError('the server went away')", leave=False)
    assert program.returncode == 1
    assert "the server went away" in said


def run_and_leave(then: str, *flags: str, leave: bool = True) -> tuple[subprocess.Popen[str], str]:
    """Read one line, close the pipe if `leave` is set, and let the program continue."""
    program = subprocess.Popen(
        [sys.executable, *flags, "-c", _PROGRAM.format(then=then)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdout.readline() == "first\n"
        if leave:
            program.stdout.close()
        program.stdin.close()
        return program, program.stderr.read()


@pytest.mark.usefixtures("logging_restored")
def test_an_error_of_this_project_becomes_one_line_and_status_1(capsys):
    assert run_command(fail_with(NotFound("There is no collection yet."))) == 1
    assert capsys.readouterr().err == "demo: There is no collection yet.\n"


@pytest.mark.usefixtures("logging_restored")
def test_a_program_without_a_terminal_ends_with_a_json_line(capsys):
    assert run_program("demo", KernelSettings, fail_with(NotFound("There is no collection yet."))) == 1
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["text"]) == ("critical", "demo: There is no collection yet.")


@pytest.mark.usefixtures("logging_restored")
@pytest.mark.parametrize("variable", ["RAG_LOG_LEVEL", "RAG_HTTP__READ"])
def test_invalid_settings_are_reported_in_the_configured_format(variable, capsys, monkeypatch):
    monkeypatch.setenv("RAG_LOG_FORMAT", "json")
    monkeypatch.setenv(variable, "loud")
    assert run_command(lambda _: 0) == 1
    assert variable in json.loads(capsys.readouterr().err)["text"]


@pytest.mark.usefixtures("logging_restored")
def test_the_status_of_the_command_is_the_status_of_the_program():
    assert run_program("demo", KernelSettings, lambda _: 3) == 3
    assert run_program("demo", KernelSettings, lambda _: None) == 0


@pytest.mark.usefixtures("logging_restored")
def test_an_unwritable_data_directory_names_the_setting_and_the_user(capsys):
    assert run_command(fail_with(PermissionError(errno.EACCES, "Denied", "/data/store"))) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"demo: /data/store cannot be written by user {os.getuid()}: Denied.")
    assert "RAG_DATA_DIR" in said


@pytest.mark.usefixtures("logging_restored")
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: path.touch(), "is not a folder"),
        (lambda path: path.symlink_to("missing"), "is a symbolic link to a folder that does not exist"),
        (lambda path: path.symlink_to(path.name), "is a symbolic link to a folder that does not exist"),
    ],
)
def test_a_data_directory_that_is_not_a_folder_is_reported(make, what, tmp_path, monkeypatch, capsys):
    make(tmp_path / "data")
    monkeypatch.setenv("RAG_DATA_DIR", str(tmp_path / "data"))
    assert run_command(lambda _: 0) == 1
    assert f"data {what}" in capsys.readouterr().err


@pytest.mark.usefixtures("logging_restored")
def test_too_many_open_files_is_an_error_that_says_what_to_do(capsys):
    full = OSError(errno.EMFILE, "Too many open files")
    assert run_command(fail_with(full)) == 1
    assert "ulimit -n" in capsys.readouterr().err


_INTERRUPTED = """
import asyncio, signal, sys, threading, time
from rag.program import cancelled_by_interrupt, prepare_process

async def work():
    {work}

prepare_process("demo")
print("started", flush=True)
sys.exit(asyncio.run(cancelled_by_interrupt(work(), "demo: interrupted, as asked.")))"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "work",
    [
        "await asyncio.sleep(600)",
        "await asyncio.to_thread(time.sleep, 600)",
        "[sum(range(1000)) for _ in range(10**9)]",  # It never returns to the event loop.
    ],
)
def test_ctrl_c_ends_a_command_with_one_sentence_whatever_it_does(work):
    program = start(_INTERRUPTED.format(work=work))
    with program:
        assert program.stdout.readline() == "started\n"
        program.send_signal(signal.SIGINT)
        assert program.stderr.read() in {"demo: interrupted, as asked.\n", "demo: interrupted.\n"}
        assert program.wait(60) == 130


@pytest.mark.slow
def test_ctrl_c_during_the_imports_ends_a_program_with_one_sentence():
    program = start("from rag.program import prepare_process\nprepare_process('demo')\nprint()\nimport torch")
    with program:
        assert program.stdout.readline() == "\n"
        program.send_signal(signal.SIGINT)
        assert program.stderr.read() == "demo: interrupted.\n"
        assert program.wait(60) == 130


@pytest.mark.slow
def test_a_terminal_without_a_character_does_not_end_a_program():
    program = start(
        "from rag.program import prepare_process\nprepare_process('demo')\nprint('…')", PYTHONIOENCODING="ascii"
    )
    with program:
        assert program.stdout.read() == "\\u2026\n"


def start(code: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"RAG_LOG_FORMAT": "console"} | variables,
        # A shell ignores SIGINT for background jobs, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no other thread runs here
    )


@pytest.mark.parametrize("program", ["service", "ingest"])
def test_sigterm_during_the_imports_ends_the_program_with_143(program):
    code = f"""
import os, signal, sys
class Terminate:
    def find_spec(self, name, *_):
        if name == "rag.errors":  # The first heavy import.
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Terminate())
import {program}.__main__
sys.exit({program}.__main__.main())"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 143


def run_command(command: Callable[[KernelSettings], int]) -> int:
    return run_program("demo", KernelSettings, command, log_level="warning")


def fail_with(error: BaseException):
    def command(_: KernelSettings) -> int:
        raise error

    return command
