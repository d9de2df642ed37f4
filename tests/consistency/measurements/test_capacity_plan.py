"""The capacity plan rests on the measured processor time, and its page shows the current table."""

import re
import statistics
from dataclasses import replace

import pytest

from loadtests.capacity.inputs import CapacityInputs
from loadtests.capacity.planning import answer_seconds
from loadtests.capacity.table import build_table
from tests.support.shipped.manifests import ROOT

INPUTS = CapacityInputs.read()


def milliseconds_of(tokens: int) -> float:
    return answer_seconds(replace(INPUTS, model=replace(INPUTS.model, answer_tokens=tokens))) * 1000


def test_the_planned_cpu_time_of_an_answer_agrees_with_the_measurements():
    """The measurements in docs/measurements/load.md: one piece, 64 tokens with 16 streams, and four lengths in turn."""
    measured = (ROOT / "docs" / "measurements" / "load.md").read_text()
    assert milliseconds_of(1) == pytest.approx(float(re.search(r"in one piece takes (\d+) ms", measured)[1]), abs=1)
    [(least, most)] = re.findall(r"^\| 16 \|.* ([\d.]+) / [\d.]+ / ([\d.]+) ms \|$", measured, re.MULTILINE)
    assert float(least) <= milliseconds_of(64) <= float(most)
    in_turn = re.findall(r"^\| (\d+) \| \d+ \| [\d, ]+ \| ([\d., ]+) ms \| ([\d.]+) ms \|$", measured, re.MULTILINE)
    assert [int(tokens) for tokens, _, _ in in_turn] == [1, 8, 64, 200]
    for tokens, rounds, planned in in_turn:
        assert milliseconds_of(int(tokens)) == pytest.approx(float(planned), abs=0.1)
        assert float(planned) == pytest.approx(statistics.mean(map(float, rounds.split(", "))), rel=0.15)


def test_the_documented_table_is_the_current_one():
    assert build_table(INPUTS) in (ROOT / "docs" / "measurements" / "capacity.md").read_text(), (
        "Copy the output of `python -m loadtests.capacity` into docs/measurements/capacity.md."
    )
