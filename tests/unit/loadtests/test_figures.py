"""The arithmetic, on streams made by hand."""

import math

import pytest

from loadtests.asking import Observation
from loadtests.figures import Figures, LittlesLaw, Objectives, Spread
from loadtests.limits import SHIPPED, Limits, why_invalid
from loadtests.open_loop import Concurrency, Run

OBJECTIVES = Objectives(ttft=1.0, tpot=0.25, latency=3.0)


def answered(due: float, *contents: float, ended: float, counted: int | None = None, sent: float | None = None):
    return Observation(
        due=due, sent=due if sent is None else sent, ended=ended, outcome="ok", contents=list(contents), counted=counted
    )


def figures_of(*observations: Observation, seconds: float = 10.0, unsent: int = 0) -> Figures:
    window = Concurrency(begin=0.0, end=seconds)
    changes = [(one.due, +1) for one in observations] + [(one.ended, -1) for one in observations]
    for time, by in sorted(changes):
        window.change(by, time)
    return Figures.of(
        Run(seconds=seconds, observations=list(observations), unsent=unsent, concurrency=window), OBJECTIVES
    )


def test_one_stream():
    figures = figures_of(answered(1.0, 1.5, 1.6, 1.9, ended=2.0))
    assert figures.ttft.mean == pytest.approx(0.5)
    assert figures.latency.mean == pytest.approx(1.0)
    assert figures.tpot.mean == pytest.approx((1.0 - 0.5) / 2)
    assert (figures.itl.count, figures.itl.min, figures.itl.max) == (2, pytest.approx(0.1), pytest.approx(0.3))
    assert figures.goodput == pytest.approx(0.1)


def test_the_models_own_count_of_tokens_goes_before_the_number_of_pieces():
    assert figures_of(answered(0.0, 0.5, 1.5, ended=1.5, counted=11)).tpot.mean == pytest.approx(0.1)


def test_one_token_has_no_pace_and_can_be_good():
    figures = figures_of(answered(0.0, 0.5, ended=0.6))
    assert figures.tpot.count == 0
    assert figures.goodput_share == 1.0


@pytest.mark.parametrize(
    "bad",
    [
        answered(0.0, 1.1, ended=1.2),
        answered(0.0, 0.5, 1.1, ended=1.1),
        answered(0.0, 0.9, *(0.9 + n / 10 for n in range(1, 23)), ended=3.1),
        Observation(due=0.0, sent=0.0, ended=0.1, outcome="refused"),
    ],
    ids=["TTFT", "TPOT", "latency", "refused"],
)
def test_a_good_answer_meets_every_objective(bad):
    figures = figures_of(bad, answered(0.0, 0.5, ended=0.6))
    assert figures.goodput_share == 0.5


def test_gaps_are_pooled_over_answers():
    figures = figures_of(
        answered(0.0, 0.1, 0.2, 0.3, 0.4, ended=0.4), answered(0.0, 0.1, 1.1, ended=1.1), answered(0.0, 0.1, ended=0.1)
    )
    assert figures.itl.count == 4
    assert figures.itl.mean == pytest.approx((0.3 + 1.0) / 4)


def test_percentiles_are_values_that_occurred():
    spread = Spread.of([n / 100 for n in range(1, 101)])
    assert (spread.p50, spread.p95, spread.p99, spread.max) == (0.5, 0.95, 0.99, 1.0)
    assert math.isnan(Spread.of([]).p50)


def test_littles_law_by_hand_and_where_it_is_broken():
    two = [answered(0.0, 1.0, ended=5.0), answered(5.0, 6.0, ended=10.0)]
    law = figures_of(*two).in_flight
    assert (law.in_flight, law.rate, law.mean_time) == (pytest.approx(1.0), pytest.approx(0.2), pytest.approx(5.0))
    assert law.error == pytest.approx(0.0)
    # The published row that claims 100 in flight: 1238 a second x 3.54 ms are 4.4.
    assert LittlesLaw(in_flight=100, rate=1238, mean_time=0.00354).error == pytest.approx(21.8, abs=0.1)


def test_every_threshold_can_be_missed(tmp_path):
    good = figures_of(*(answered(n / 10, n / 10 + 0.5, ended=n / 10 + 1.0) for n in range(90)))
    strict = tmp_path / "limits.toml"
    for threshold, limit in {
        "ttft_p95": 0.4,
        "tpot_p95": 0.1,
        "latency_p95": 0.9,
        "goodput_share": 1.01,
        "declined_share": -0.1,
        "refused": -1,
        "failed": -1,
        "littles_law_error": -1,
    }.items():
        text = "[objectives]\nttft = 1.0\ntpot = 0.25\nlatency = 3.0\n[thresholds]\n"
        strict.write_text(f"{text}{threshold} = {limit}\n")
        [missed] = Limits.read(strict).missed_by(good)
        assert missed.startswith(f"{threshold} is ")
        assert missed.endswith(f"the threshold is {limit:g}")


def test_answers_that_decline_are_quick_and_miss_a_threshold_of_their_own():
    written = [answered(n / 10, n / 10 + 0.5, ended=n / 10 + 1.0) for n in range(3)]
    declined = answered(0.4, 0.5, ended=0.5)
    declined.declined = True
    figures = figures_of(*written, declined)
    assert (figures.declined, figures.declined_share, figures.goodput_share) == (1, 0.25, 1.0)
    assert "declined_share is 0.25, the threshold is 0.1" in Limits.read(SHIPPED).missed_by(figures)


def test_nothing_answered_misses_the_shipped_thresholds():
    missed = Limits.read(SHIPPED).missed_by(figures_of())
    assert {sentence.split()[0] for sentence in missed} >= {"ttft_p95", "latency_p95", "goodput_share"}


def test_a_threshold_that_nothing_is_measured_for_is_refused(tmp_path):
    wrong = tmp_path / "limits.toml"
    wrong.write_text("[objectives]\nttft = 1\ntpot = 1\nlatency = 1\n[thresholds]\nttft_p42 = 1\n")
    with pytest.raises(ValueError, match="ttft_p42"):
        Limits.read(wrong)


def test_a_run_whose_client_was_the_bottleneck_is_invalid():
    fine = figures_of(*(answered(n / 10, n / 10 + 0.5, ended=n / 10 + 1) for n in range(50)))
    late = figures_of(*(answered(n / 10, n / 10 + 0.5, ended=n / 10 + 1, sent=n / 10 + 0.3) for n in range(50)))
    assert why_invalid(fine, 0.3) == []
    assert "late" in why_invalid(late, 0.3)[0]
    assert "0.95 cores" in why_invalid(fine, 0.95)[0]
    assert "3 requests were not sent" in why_invalid(figures_of(answered(0.0, 0.5, ended=1.0), unsent=3), 0.3)[0]
