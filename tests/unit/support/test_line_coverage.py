"""Coverage records the lines that run, and changes nothing else of a module."""

from importlib.util import module_from_spec, spec_from_loader

import pytest

from tests.support.line_coverage import RecordingLoader

_SOURCE = '''"""A module."""

from __future__ import annotations


def describe(value: object) -> str:
    """Return a word."""
    try:
        match value:
            case int():
                return f"{10 / value}"
            case _:
                return "text"
    except ZeroDivisionError:
        return "zero"
'''
_IMPORTED = {6}


@pytest.mark.parametrize(
    ("value", "described", "lines"),
    [(5, "2.0", {8, 9, 10, 11}), ("five", "text", {8, 9, 12, 13}), (0, "zero", {8, 9, 10, 11, 14, 15})],
)
def test_the_lines_that_run_are_recorded(tmp_path, value, described, lines):
    path = tmp_path / "sample.py"
    path.write_text(_SOURCE)
    spec = spec_from_loader("sample", RecordingLoader("sample", str(path)))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.describe(value) == described
    assert {line for line, has_run in enumerate(module.__lines__) if has_run} == _IMPORTED | lines
    assert (module.__doc__, module.describe.__doc__) == ("A module.", "Return a word.")
