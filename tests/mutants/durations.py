"""A pytest plugin that writes how long each passed test took, to the JSON file in MUTANTS_DURATIONS."""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

_seconds: defaultdict[str, float] = defaultdict(float)
_not_passed: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _seconds[report.nodeid] += report.duration
    if not report.passed:
        _not_passed.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # With xdist, the controller alone sees every test.
        passed = {name: seconds for name, seconds in _seconds.items() if name not in _not_passed}
        Path(os.environ["MUTANTS_DURATIONS"]).write_text(json.dumps(passed))
