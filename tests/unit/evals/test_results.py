"""Differences between runs, the verdicts of the gate, and result files."""

import json

import pytest

from evals.answers.declining import weigh_declining
from evals.answers.gold import GoldQuestion, QuestionSet
from evals.answers.report import compare_files, write_report
from evals.answers.results import AnswerRun, read_runs, write_runs
from evals.gating.baseline import Baseline, judge, read_baseline, update, write_baseline
from evals.statistics import compare_means
from rag.errors import InvalidInput

IDS = [f"q{number}" for number in range(50)]


def accepted(scores: dict[str, float]) -> Baseline:
    return update(None, {"metric": scores}, {"embedder": "e"}, reason="first", date="2026-01-01")


def outcome(before: dict[str, float], now: dict[str, float]) -> str:
    [verdict] = judge(accepted(before), {"metric": now})
    return verdict.outcome


def half(right: int) -> dict[str, float]:
    return {question: float(number < right) for number, question in enumerate(IDS)}


def test_a_metric_holds_falls_or_rises():
    assert outcome(half(25), half(25)) == "held"
    assert outcome(half(25), half(24)) == "held"
    assert outcome(half(25), half(15)) == "fell"
    assert outcome(half(25), half(40)) == "rose"


def test_a_consistent_small_loss_is_detected_within_the_noise_of_the_mean():
    assert outcome(half(25), half(20)) == "fell"
    [verdict] = judge(accepted(half(25)), {"metric": half(20)})
    assert verdict.now > verdict.before.floor


def test_one_wrong_answer_after_a_perfect_result_is_noise():
    assert outcome(half(50), half(49)) == "held"
    assert outcome(half(50), half(46)) == "fell"


def test_a_metric_that_is_no_longer_measured_closes_the_gate():
    [verdict] = judge(accepted(half(25)), {"metric": {}})
    assert (verdict.outcome, verdict.is_red) == ("missing", True)


def test_new_questions_are_not_compared():
    now = half(25) | {f"new{number}": 1.0 for number in range(5)}
    [verdict] = judge(accepted(half(25)), {"metric": now})
    assert verdict.outcome == "held"
    assert (verdict.now, verdict.difference.mean) == (0.5, 0)


def test_accepting_keeps_the_reasons_of_unchanged_metrics(tmp_path):
    before = update(None, {"a": half(25), "b": half(10)}, {}, reason="first", date="2026-01-01")
    after = update(before, {"a": half(25), "b": half(12)}, {}, reason="better", date="2026-02-02")
    assert (after.metrics["a"].reason, after.metrics["b"].reason) == ("first", "better")
    assert (after.metrics["a"].date, after.metrics["b"].date) == ("2026-01-01", "2026-02-02")
    write_baseline(after, tmp_path / "baseline.json")
    assert read_baseline(tmp_path / "baseline.json") == after


def test_a_missing_baseline_is_reported_with_the_command_that_writes_it(tmp_path):
    with pytest.raises(InvalidInput, match="make eval-accept"):
        read_baseline(tmp_path / "none.json")


def test_means_are_compared_if_a_measure_does_not_apply_to_every_question():
    difference = compare_means([1.0, None, 1.0, 0.0], [0.0, 1.0, None, 0.0])
    assert difference.mean == pytest.approx(2 / 3 - 1 / 3)
    assert compare_means([None, None], [1.0, 0.0]) is None


def test_two_files_are_compared_by_question(tmp_path):
    for name, right in (("new", 40), ("old", 25)):
        scores = {question: {"f1": value, "nearness": 0.5} for question, value in half(right).items()}
        write_runs([AnswerRun(name="quote", scores=scores)], tmp_path / f"{name}.json")
    table = compare_files(tmp_path / "new.json", tmp_path / "old.json")
    assert "| F1 | +0.300 |" in table
    assert "nearness" not in table
    assert "no difference shown" in compare_files(tmp_path / "new.json", tmp_path / "new.json")


def test_a_result_file_contains_each_run_with_its_measures(tmp_path):
    write_runs([AnswerRun(name="quote", scores={"q": {"f1": 0.5}})], tmp_path / "runs.json")
    written = json.loads((tmp_path / "runs.json").read_text())
    assert (written["quote"]["f1"], written["quote"]["intervals"]["f1"]) == (0.5, [0.5, 0.5])
    assert read_runs(tmp_path / "runs.json") == [AnswerRun(name="quote", scores={"q": {"f1": 0.5}})]


def test_a_result_file_without_scores_per_question_is_rejected(tmp_path):
    (tmp_path / "means.json").write_text('{"quote": {"f1": 0.5}}')
    with pytest.raises(InvalidInput, match="distinguished from noise"):
        read_runs(tmp_path / "means.json")


def test_a_threshold_is_measured_on_the_half_that_did_not_choose_it():
    asked = [GoldQuestion(id=question, text="?", kind="single") for question in IDS]
    asked += [GoldQuestion(id=f"un{number}", text="?", kind="unanswerable") for number in range(50)]
    nearness = {question.id: {"nearness": 0.6 if question.is_answerable else 0.2} for question in asked}
    configured, *chosen = weigh_declining(asked, AnswerRun(name="quote", scores=nearness), threshold=0.3).points
    assert (configured.recall.value, configured.wrongly_declined.value, configured.recall.questions) == (1, 0, 50)
    assert all(point.threshold == 0.6 and point.recall.questions < 50 for point in chosen)


def test_a_report_contains_tables_and_plots(tmp_path):
    asked = [GoldQuestion(id=question, text="?", kind="single") for question in IDS]
    asked += [GoldQuestion(id=f"un{number}", text="?", kind="unanswerable") for number in range(50)]
    runs = [
        AnswerRun(
            name=mode,
            conditions={"embedder": "e"},
            scores={
                question.id: {
                    "citation_recall": quality,
                    "nearness": 0.2 + 0.005 * number + 0.3 * question.is_answerable,
                    "first_text_seconds": seconds,
                }
                for number, question in enumerate(asked)
            },
        )
        for mode, quality, seconds in (("quote", 0.5, 0.1), ("checked", 0.6, 1.0))
    ]
    write_report(QuestionSet(name="some", documents=[], questions=asked), runs, tmp_path, threshold=0.3)
    text = (tmp_path / "some.md").read_text()
    assert "| citation recall | 0.500 (0.500 to 0.500) | 0.600 (0.600 to 0.600) |" in text
    assert "checked minus quote, paired" in text
    assert "as configured, all questions" in text
    assert {path.name for path in tmp_path.iterdir()} == {
        "some.json",
        "some.md",
        "some-time.svg",
        "some-declined.svg",
    }
    assert (tmp_path / "some-declined.svg").stat().st_size < 100_000
