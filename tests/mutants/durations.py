"""A pytest plugin that writes how long each test took, to the JSON file in MUTANTS_DURATIONS."""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

_seconds: defaultdict[str, float] = defaultdict(float)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _seconds[report.nodeid] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # With xdist, the controller alone sees every test.
        Path(os.environ["MUTANTS_DURATIONS"]).write_text(json.dumps(_seconds))
