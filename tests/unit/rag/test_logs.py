"""Logs of an error tell its place and never its content."""

import logging
import os
import sys
from contextlib import suppress

import pytest
import structlog

from rag.logs import configure_logging
from rag.settings import KernelSettings

SECRET = "the merger is on Friday"


def breaks(question: str) -> None:
    raise RuntimeError(f"{len(question)} characters are too many")


@pytest.fixture
def _restored():
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before
    structlog.reset_defaults()


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_has_no_variables(form, capsys):
    configure_logging(KernelSettings(log_format=form))
    try:
        breaks(SECRET)
    except RuntimeError as error:
        structlog.get_logger("service").error("defect", exc_info=error)
    output = capsys.readouterr().err
    assert "23 characters are too many" in output
    assert "in breaks" in output or '"name": "breaks"' in output
    assert SECRET not in output


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("form", ["json", "console"])
def test_the_program_continues_when_the_log_has_no_reader(form, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    broken = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stderr", broken)
    configure_logging(KernelSettings(log_format=form))
    for number in range(1000):
        structlog.get_logger().warning("event", number=number)
    with suppress(BrokenPipeError):
        broken.close()
