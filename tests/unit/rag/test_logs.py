"""Logs of an error tell its place and never its content, and no line can end or delay its program."""

import json
import logging
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from rag.log_stream import LogStream
from rag.logs import configure_logging, report, say, say_why_it_ends
from rag.metrics import LOG_LINES_LOST
from rag.settings import LogSettings

SECRET = "the merger is on Friday"
FORMATS = ["json", "console"]


def breaks(question: str) -> None:
    raise RuntimeError(f"{len(question)} characters are too many")


@pytest.fixture(autouse=True)
def _restored():
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before
    structlog.reset_defaults()


@pytest.mark.parametrize("form", FORMATS)
def test_a_traceback_has_no_variables(form, capsys):
    configure_logging(LogSettings(log_format=form))
    try:
        breaks(SECRET)
    except RuntimeError as error:
        structlog.get_logger("service").error("defect", exc_info=error)
    output = capsys.readouterr().err
    assert "23 characters are too many" in output
    assert "in breaks" in output or '"name": "breaks"' in output
    assert SECRET not in output


@pytest.mark.parametrize("level", ["info", "warning", "error"])
@pytest.mark.parametrize("logger", ["uvicorn.error", "asyncio", "grpc"])
def test_the_level_holds_for_libraries_and_sentences(level, logger, capsys):
    configure_logging(LogSettings(log_format="json", log_level=level))
    logging.getLogger(logger).info("It listens.")
    logging.getLogger(logger).warning("Invalid HTTP request received.")
    say("service_ready", "Groundwork answers.")
    report("progress", "Half of it is done.")
    say_why_it_ends("The port is in use.")
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    warnings = ["Invalid HTTP request received.", "progress"]
    assert sorted(events) == sorted(
        {"info": ["service_ready", *warnings], "warning": warnings, "error": []}[level] + ["program_failed"]
    )


@pytest.mark.parametrize(
    ("form", "is_command", "plain"),
    [("json", True, False), ("auto", False, False), ("auto", True, True), ("console", False, True)],
)
def test_a_sentence_is_plain_for_people_and_json_for_machines(form, is_command, plain, capsys):
    configure_logging(LogSettings(log_format=form), is_command=is_command)
    say("service_ready", "Groundwork answers.\nOn two lines.")
    said = capsys.readouterr().err
    assert (said if plain else json.loads(said)["text"] + "\n") == "Groundwork answers.\nOn two lines.\n"


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize("form", FORMATS)
def test_a_line_that_cannot_be_rendered_is_named_and_does_not_fail(form, capsys):
    configure_logging(LogSettings(log_format=form))
    structlog.get_logger().warning("answer", value=Unprintable())
    logging.getLogger("library").warning("%d documents", "many")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["source"]) for line in lines] == [
        ("log_line_unreadable", "answer"),
        ("log_line_unreadable", "library"),
    ]


def test_a_number_that_json_does_not_have_is_written_as_text(capsys):
    configure_logging(LogSettings(log_format="json"))
    structlog.get_logger().warning("judged", score=float("nan"), others=[1.5, float("-inf")])
    line = capsys.readouterr().err
    assert "NaN," not in line.replace('"NaN"', "")
    assert (json.loads(line)["score"], json.loads(line)["others"]) == ("NaN", [1.5, "-Infinity"])


@pytest.mark.parametrize("form", FORMATS)
def test_no_line_has_the_secret_of_an_address(form, capsys):
    configure_logging(LogSettings(log_format=form))
    address = 'https://user:s3cret@host/path?x=s3cret" and more'
    try:
        raise OSError(f"{address} is away")
    except OSError as error:
        structlog.get_logger().error("away", address=address, exc_info=error)
        logging.getLogger("library").warning("retry %s", address, exc_info=error)
    output = capsys.readouterr().err
    assert output.count("host/path") >= 4
    assert output.count("and more") >= 4
    assert "s3cret" not in output


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "text",
    ['sent {"api_key": "s3cret-0123456789"}', "refused:\nsk-s3cret-0123456789", "password:\n  s3cret-0123456789"],
)
def test_a_secret_is_found_beside_characters_that_json_escapes(form, text, capsys):
    configure_logging(LogSettings(log_format=form))
    structlog.get_logger().error("refused", reason=text, others=(text,))
    logging.getLogger("library").warning(text)
    assert "s3cret" not in capsys.readouterr().err


@pytest.mark.parametrize("form", FORMATS)
def test_the_program_continues_when_the_log_has_no_reader(form, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    broken = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stderr", broken)
    configure_logging(LogSettings(log_format=form))
    before = LOG_LINES_LOST._value.get()
    for number in range(1000):
        structlog.get_logger().warning("event", number=number)
    assert LOG_LINES_LOST._value.get() - before == 1000
    with suppress(BrokenPipeError):
        broken.close()


def test_a_reader_that_is_stuck_does_not_stop_the_program_and_gets_whole_lines_later(monkeypatch):
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stderr", os.fdopen(writing, "w"))
    stream, line = LogStream(), "x" * 10_000
    before, began = LOG_LINES_LOST._value.get(), time.monotonic()
    for _ in range(200):
        stream.write_line(line)
    assert time.monotonic() - began < 30
    assert LOG_LINES_LOST._value.get() - before > 150
    received = os.read(reading, 1 << 20)
    stream.write_line("and on")
    received += os.read(reading, 1 << 20)
    sys.stderr.close()
    os.close(reading)
    *_, last = received.decode().splitlines()
    assert last == "and on"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["2>&-", "2>/dev/full", ">&- 2>&-", "0<&- >&- 2>&-"])
def test_a_program_runs_to_its_end_without_standard_error(target, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from rag.program import prepare_process, run_program\n"
        "prepare_process('demo')\n"
        "import logging, pathlib, structlog, warnings\n"
        "from rag.settings import KernelSettings\n"
        "def work(_):\n"
        "    with open('document', 'w') as document:\n"
        "        structlog.get_logger().warning('event')\n"
        "        logging.getLogger('library').error('event')\n"
        "        warnings.warn('old')\n"
        "        print('output', flush=True)\n"
        "        document.write('text')\n"
        "raise SystemExit(run_program('demo', KernelSettings, work))\n"
    )
    command = f"{sys.executable} {program} {target}"
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, timeout=120, check=False)
    assert done.returncode == 0
    assert (tmp_path / "document").read_text() == "text"


@pytest.mark.slow
def test_a_command_whose_output_cannot_be_written_says_so_in_one_sentence():
    program = (
        "from rag.program import prepare_process, run_program\n"
        "prepare_process('demo')\n"
        "from rag.settings import KernelSettings\n"
        "raise SystemExit(run_program('demo', KernelSettings, lambda _: print('result'), log_level='warning'))\n"
    )
    command = [sys.executable, "-c", program]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr == "demo: The output cannot be written, because its disk is full. Free space, and try again.\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "event"),
    [
        ("raise RuntimeError('at start')", "program_crashed"),
        ("threading.Thread(target=lambda: 1 / 0).start()", "thread_crashed"),
        ("warnings.warn('old')", None),
        ("type('Odd', (), {'__del__': lambda self: 1 / 0})()", "error_ignored"),
        ("raise KeyboardInterrupt", "program_failed"),
    ],
)
def test_what_python_would_print_is_a_json_line(failure, event):
    program = f"from rag.program import prepare_process\nprepare_process('demo')\nimport threading, warnings\n{failure}"
    environment = os.environ | {"RAG_LOG_FORMAT": "json"}
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    [line] = [json.loads(line) for line in run.stderr.splitlines()]
    assert line["event"] == event or "UserWarning: old" in line["event"]
