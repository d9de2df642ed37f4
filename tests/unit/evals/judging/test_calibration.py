"""The calibration distinguishes good judges from bad ones."""

import pytest

from evals.judging.agreement import compare
from evals.judging.calibration import agreement_of_people, calibrate
from evals.judging.labelled import read_labelled
from evals.judging.lexical import LexicalJudge
from rag.errors import InvalidInput
from tests.support.fakes.servers import JudgeServer, answering, verdict
from tests.unit.evals.judging.judges import biased_to_the_first, coin, halueval, judge_behind, perfect, ragchecker


async def calibrated(handler, folder, rubrics=None):
    async with judge_behind(handler) as judge:
        [found] = await calibrate(judge, read_labelled(folder), rubrics, concurrency=4)
        return found


async def test_a_perfect_judge_agrees_with_people(tmp_path):
    found = await calibrated(perfect(), halueval(tmp_path))
    assert (found.kappa, found.agreement, found.failures) == (1, 1, 0)


async def test_a_random_judge_does_not_agree_with_people(tmp_path):
    found = await calibrated(coin(), halueval(tmp_path))
    assert found.interval[0] < 0 < found.interval[1]
    assert 0.3 < found.agreement < 0.7  # Raw agreement is high by chance, so kappa is reported.


async def test_a_judge_with_a_constant_label_has_a_kappa_of_zero(tmp_path):
    found = await calibrated(JudgeServer(lambda _: verdict("faithful")), halueval(tmp_path))
    assert found.agreement > 0.6
    assert found.kappa == 0


@pytest.mark.slow
async def test_position_bias_is_detected_by_judging_in_both_orders(tmp_path):
    found = await calibrated(biased_to_the_first(), ragchecker(tmp_path), ["preference"])
    assert found.position_bias == 1
    assert sum(row["tie"] for row in found.confusion.values()) == 2 * found.cases
    assert found.kappa == 0
    good = await calibrated(perfect(), ragchecker(tmp_path), ["preference"])
    assert (good.position_bias, good.kappa) == (0, 1)


@pytest.mark.parametrize(
    "reply",
    [
        "faithful",
        '```json\n{"reason": "r", "verdict": "faithful"}\n```',
        '{"verdict": "faithful"}',
        '{"reason": "r", "verdict": "Faithful"}',
        '{"reason": "r", "verdict": "relevant"}',
        '{"reason": "r", "verdict": "faithful", "score": 1}',
        '{"reason": "r", "verdict": "faithful"} Hope this helps!',
    ],
)
async def test_an_answer_that_is_not_exactly_a_verdict_counts_as_a_failure(tmp_path, reply):
    found = await calibrated(JudgeServer(lambda _: reply), halueval(tmp_path, 6))
    assert (found.cases, found.failures) == (0, 6)


async def test_only_the_requested_rubrics_are_measured(tmp_path):
    await calibrated(perfect(), halueval(tmp_path, 6), ["faithfulness", "preference"])
    with pytest.raises(InvalidInput, match="cover faithfulness, not preference"):
        await calibrated(perfect(), halueval(tmp_path, 6), ["preference"])


async def test_a_rejected_input_counts_as_one_failure(tmp_path):
    found = await calibrated(answering(400, "too long"), halueval(tmp_path, 6))
    assert (found.cases, found.failures) == (0, 6)


async def test_the_lexical_judge_has_no_position_bias(tmp_path):
    found = await calibrate(LexicalJudge(), read_labelled(ragchecker(tmp_path)), concurrency=1)
    assert [agreement.position_bias for agreement in found] == [0, None]


def test_two_raters_of_a_pair_are_one_case_with_two_labels(tmp_path):
    data = read_labelled(ragchecker(tmp_path, 60))
    assert len(data.pairs) == 60
    assert agreement_of_people(data.pairs).kappa == 1


def test_a_folder_without_labels_is_rejected(tmp_path):
    with pytest.raises(InvalidInput, match=r"general_data\.json"):
        read_labelled(tmp_path)


def test_kappa_of_a_known_table_is_correct():
    labels = ["yes"] * 25 + ["no"] * 25
    judged = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = compare([[label] for label in labels], judged, ["yes", "no"])
    assert found.kappa == pytest.approx(0.4)
    assert found.agreement == pytest.approx(0.7)
    assert found.confusion == {"yes": {"yes": 20, "no": 5}, "no": {"yes": 10, "no": 15}}
    assert found.interval[0] < 0.4 < found.interval[1]


def test_without_cases_there_is_no_agreement():
    found = compare([["yes"]], [None], ["yes", "no"])
    assert (found.cases, found.failures, found.kappa, found.interval) == (0, 1, 0, (0, 0))
