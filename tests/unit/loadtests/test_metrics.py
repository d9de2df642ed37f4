"""The metrics of runs whose values can be computed by hand."""

import math

import pytest

from loadtests.client import RequestRecord
from loadtests.limits import DEFAULT_FILE, Limits, why_invalid
from loadtests.metrics import Distribution, LittlesLaw, Objectives, RunMetrics
from loadtests.open_loop import Concurrency, LoadRun

OBJECTIVES = Objectives(ttft=1.0, tpot=0.25, latency=3.0)


def answered(
    due: float, *contents: float, ended: float, completion_tokens: int | None = None, sent: float | None = None
):
    return RequestRecord(
        due=due,
        sent=due if sent is None else sent,
        ended=ended,
        outcome="ok",
        content_times=list(contents),
        completion_tokens=completion_tokens,
    )


def metrics_of(*records: RequestRecord, seconds: float = 10.0, unsent: int = 0) -> RunMetrics:
    window = Concurrency(begin=0.0, end=seconds)
    changes = [(record.due, +1) for record in records] + [(record.ended, -1) for record in records]
    for time, by in sorted(changes):
        window.change(by, time)
    return RunMetrics.of(LoadRun(seconds=seconds, records=list(records), unsent=unsent, concurrency=window), OBJECTIVES)


def test_the_metrics_of_one_stream():
    metrics = metrics_of(answered(1.0, 1.5, 1.6, 1.9, ended=2.0))
    assert metrics.ttft.mean == pytest.approx(0.5)
    assert metrics.latency.mean == pytest.approx(1.0)
    assert metrics.tpot.mean == pytest.approx((1.0 - 0.5) / 2)
    assert (metrics.itl.count, metrics.itl.min, metrics.itl.max) == (2, pytest.approx(0.1), pytest.approx(0.3))
    assert metrics.goodput == pytest.approx(0.1)


def test_the_models_token_count_takes_precedence_over_the_number_of_pieces():
    assert metrics_of(answered(0.0, 0.5, 1.5, ended=1.5, completion_tokens=11)).tpot.mean == pytest.approx(0.1)


def test_an_answer_of_one_token_has_no_tpot_and_can_be_good():
    metrics = metrics_of(answered(0.0, 0.5, ended=0.6))
    assert metrics.tpot.count == 0
    assert metrics.goodput_share == 1.0


@pytest.mark.parametrize(
    "bad",
    [
        answered(0.0, 1.1, ended=1.2),
        answered(0.0, 0.5, 1.1, ended=1.1),
        answered(0.0, 0.9, *(0.9 + n / 10 for n in range(1, 23)), ended=3.1),
        RequestRecord(due=0.0, sent=0.0, ended=0.1, outcome="overloaded"),
    ],
    ids=["TTFT", "TPOT", "latency", "overloaded"],
)
def test_a_good_answer_meets_every_objective(bad):
    metrics = metrics_of(bad, answered(0.0, 0.5, ended=0.6))
    assert metrics.goodput_share == 0.5


def test_inter_token_latency_is_pooled_over_answers():
    metrics = metrics_of(
        answered(0.0, 0.1, 0.2, 0.3, 0.4, ended=0.4), answered(0.0, 0.1, 1.1, ended=1.1), answered(0.0, 0.1, ended=0.1)
    )
    assert metrics.itl.count == 4
    assert metrics.itl.mean == pytest.approx((0.3 + 1.0) / 4)


def test_percentiles_are_observed_values():
    spread = Distribution.of([n / 100 for n in range(1, 101)])
    assert (spread.p50, spread.p95, spread.p99, spread.max) == (0.5, 0.95, 0.99, 1.0)
    assert math.isnan(Distribution.of([]).p50)


def test_littles_law_holds_for_correct_counts_and_exposes_wrong_ones():
    two = [answered(0.0, 1.0, ended=5.0), answered(5.0, 6.0, ended=10.0)]
    law = metrics_of(*two).in_flight
    assert (law.in_flight, law.rate, law.mean_time) == (pytest.approx(1.0), pytest.approx(0.2), pytest.approx(5.0))
    assert law.error == pytest.approx(0.0)
    # A published benchmark claims 100 in flight, but 1238 per second x 3.54 ms are 4.4.
    assert LittlesLaw(in_flight=100, rate=1238, mean_time=0.00354).error == pytest.approx(21.8, abs=0.1)


def test_every_threshold_can_be_missed(tmp_path):
    good = metrics_of(*(answered(n / 10, n / 10 + 0.5, ended=n / 10 + 1.0) for n in range(90)))
    strict = tmp_path / "limits.toml"
    for threshold, limit in {
        "ttft_p95": 0.4,
        "tpot_p95": 0.1,
        "latency_p95": 0.9,
        "goodput_share": 1.01,
        "declined_share": -0.1,
        "overloaded": -1,
        "failed": -1,
        "littles_law_error": -1,
    }.items():
        text = "[objectives]\nttft = 1.0\ntpot = 0.25\nlatency = 3.0\n[thresholds]\n"
        strict.write_text(f"{text}{threshold} = {limit}\n")
        [missed] = Limits.read(strict).missed_by(good)
        assert missed.startswith(f"{threshold} is ")
        assert missed.endswith(f"the threshold is {limit:g}")


def test_declined_answers_count_as_good_and_miss_their_own_threshold():
    written = [answered(n / 10, n / 10 + 0.5, ended=n / 10 + 1.0) for n in range(3)]
    declined = answered(0.4, 0.5, ended=0.5)
    declined.declined = True
    metrics = metrics_of(*written, declined)
    assert (metrics.declined, metrics.declined_share, metrics.goodput_share) == (1, 0.25, 1.0)
    assert "declined_share is 0.25, the threshold is 0.1" in Limits.read(DEFAULT_FILE).missed_by(metrics)


def test_a_run_without_answers_misses_the_default_thresholds():
    missed = Limits.read(DEFAULT_FILE).missed_by(metrics_of())
    assert {sentence.split()[0] for sentence in missed} >= {"ttft_p95", "latency_p95", "goodput_share"}


def test_an_unknown_threshold_is_rejected(tmp_path):
    wrong = tmp_path / "limits.toml"
    wrong.write_text("[objectives]\nttft = 1\ntpot = 1\nlatency = 1\n[thresholds]\nttft_p42 = 1\n")
    with pytest.raises(ValueError, match="ttft_p42"):
        Limits.read(wrong)


def test_a_run_is_invalid_if_the_client_was_the_bottleneck():
    fine = metrics_of(*(answered(n / 10, n / 10 + 0.5, ended=n / 10 + 1) for n in range(50)))
    late = metrics_of(*(answered(n / 10, n / 10 + 0.5, ended=n / 10 + 1, sent=n / 10 + 0.3) for n in range(50)))
    assert why_invalid(fine, 0.3) == []
    assert "late" in why_invalid(late, 0.3)[0]
    assert "0.95 cores" in why_invalid(fine, 0.95)[0]
    assert "3 requests were not sent" in why_invalid(metrics_of(answered(0.0, 0.5, ended=1.0), unsent=3), 0.3)[0]
