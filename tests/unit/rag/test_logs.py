"""What a log says when something breaks: where, and nothing of what was asked or found."""

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
    said = capsys.readouterr().err
    assert "23 characters are too many" in said
    assert "in breaks" in said or '"name": "breaks"' in said
    assert SECRET not in said


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("form", ["json", "console"])
def test_work_goes_on_where_nobody_reads_the_log(form, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    broken = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stderr", broken)
    configure_logging(KernelSettings(log_format=form))
    for number in range(1000):
        structlog.get_logger().warning("said", number=number)
    with suppress(BrokenPipeError):
        broken.close()
