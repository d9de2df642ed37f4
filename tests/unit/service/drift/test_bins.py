"""Bins of a reference, their sums over replicas, and PSI."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from service.drift.bins import cut_bins, psi

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "guides" / "drift.md"
RULES = ROOT / "dashboards" / "rules" / "drift.yml"
VALUES = st.lists(st.floats(-1, 1, width=32), min_size=20, max_size=200)


@pytest.mark.slow
@given(VALUES, st.lists(st.floats(-2, 2), min_size=1, max_size=100))
def test_the_bins_of_a_reference_contain_its_values_in_the_stored_ratios(reference, values):
    bins = cut_bins(reference)
    assert len(bins.ratios) >= 2
    assert np.allclose(bins.shares(reference), bins.ratios)
    assert sum(bins.ratios) == pytest.approx(1)
    assert all(0 <= bins.index(value) < len(bins.ratios) for value in values)
    found = np.bincount([bins.index(value) for value in values], minlength=len(bins.ratios)) / len(values)
    assert np.allclose(found, bins.shares(values))


@pytest.mark.slow
@given(VALUES, VALUES, VALUES)
def test_the_counts_of_two_replicas_add_up(reference, one, other):
    bins = cut_bins(reference)
    counts = [np.bincount([bins.index(value) for value in it], minlength=len(bins.ratios)) for it in (one, other)]
    merged = sum(counts) / (len(one) + len(other))
    assert psi(merged, bins.ratios) == pytest.approx(psi(bins.shares(one + other), bins.ratios))


@pytest.mark.slow
@given(VALUES, VALUES)
def test_psi_is_zero_for_equal_distributions_and_never_negative(reference, values):
    bins = cut_bins(reference)
    assert psi(bins.ratios, bins.ratios) == 0
    assert psi(bins.shares(values), bins.ratios) >= 0


@pytest.mark.parametrize(
    ("reference", "new"),
    [([0.0] * 95 + [1.0] * 5, 1.0), ([1.0] * 95 + [0.4] * 5, 0.3), ([1.0] * 100, 0.5), ([0.0] * 100, 1.0)],
)
def test_a_rare_value_is_visible_even_if_the_reference_is_almost_constant(reference, new):
    bins = cut_bins(reference)
    assert psi(bins.shares(reference[:80] + [new] * 20), bins.ratios) > 0.1


def test_repeated_questions_stay_in_their_bins_despite_rounding():
    random = np.random.default_rng(6)
    often = np.tile([0.71, 0.82, 0.83, 0.9, 0.97, 1.0], 50)
    bins = cut_bins(often + random.normal(0, 1e-4, 300))
    assert len(bins.ratios) == 6
    assert psi(bins.shares(often + random.normal(0, 1e-4, 300)), bins.ratios) == pytest.approx(0, abs=1e-9)


def test_psi_without_a_change_follows_its_distribution():
    random = np.random.default_rng(5)
    found = []
    for _ in range(400):
        bins = cut_bins(random.normal(size=600))
        value = psi(bins.shares(random.normal(size=500)), bins.ratios)
        found.append(value * 500 * 600 / 1100)
    # Chi-squared with 9 degrees of freedom: mean 9, and one in a hundred above 21.7.
    assert 8 < np.mean(found) < 10
    assert np.mean(np.array(found) > 21.7) < 0.03


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.slow
def test_prometheus_computes_the_same_psi_over_two_replicas_with_a_restart(tmp_path):
    random = np.random.default_rng(8)
    bins = cut_bins(random.normal(size=300))
    first, second, third = (random.normal(0.4, 1, size=size) for size in (40, 70, 30))
    counts = [np.bincount([bins.index(value) for value in it], minlength=10) for it in (first, second, third)]
    series = [
        {"series": _name("rag_drift_reference_ratio", number), "values": f"{ratio}+0x60"}
        for number, ratio in enumerate(bins.ratios)
    ]
    for number in range(10):
        # The second replica restarts in the middle of the hour, and its counter starts at 0 again.
        one, two, again = (int(count[number]) for count in counts)
        name = "rag_drift_observations_total"
        series.append({"series": _name(name, number, instance="a"), "values": f"0+0x9 {one}+0x50"})
        values = f"0+0x4 {two}+0x24 0+0x9 {again}+0x20"
        series.append({"series": _name(name, number, instance="b"), "values": values})
    expected = psi(sum(counts) / 140, bins.ratios)
    wanted = {"labels": '{feature="similarity", reference="5f0c"}', "value": round(expected, 3)}
    # The series of the test cover an hour, so the rule's day is replaced by an hour.
    rules = RULES.read_text().replace("[1d]", "[1h]").replace("interval: 5m", "interval: 1m")
    (tmp_path / RULES.name).write_text(rules)
    test = {"expr": "round(feature:rag_drift_psi:1d, 0.001)", "eval_time": "1h", "exp_samples": [wanted]}
    path = tmp_path / "psi.yaml"
    path.write_text(
        json.dumps(
            {
                "rule_files": [RULES.name],
                "evaluation_interval": "1m",
                "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [test]}],
            }
        )
    )
    run = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def _name(metric: str, number: int, **labels: str) -> str:
    labels |= {"feature": "similarity", "bin": str(number), "reference": "5f0c"}
    inner = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{metric}{{{inner}}}"


def test_the_documented_rules_are_recorded():
    recorded = {
        rule["record"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    named = set(re.findall(r"`([a-z_]+:rag_drift_\w+:\w+)`", PAGE.read_text()))
    assert named == recorded
