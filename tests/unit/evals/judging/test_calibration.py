"""A good judge is told from a bad one, whatever they say of themselves."""

import pytest

from evals.judging.agreement import compare
from evals.judging.calibration import agreement_of_people, calibrate
from evals.judging.labelled import read_labelled
from evals.judging.lexical import LexicalJudge
from rag.errors import InvalidInput
from tests.support.fakes.servers import JudgeServer, answering, verdict
from tests.unit.evals.judging.judges import coin, fond_of_the_first, halueval, judge_behind, perfect, ragchecker


async def calibrated(handler, folder, rubrics=None):
    async with judge_behind(handler) as judge:
        [found] = await calibrate(judge, read_labelled(folder), rubrics, concurrency=4)
        return found


async def test_a_perfect_judge_agrees_with_people(tmp_path):
    found = await calibrated(perfect(), halueval(tmp_path))
    assert (found.kappa, found.agreement, found.failures) == (1, 1, 0)


async def test_a_coin_does_not(tmp_path):
    found = await calibrated(coin(), halueval(tmp_path))
    assert found.interval[0] < 0 < found.interval[1]
    assert 0.3 < found.agreement < 0.7  # Which is why agreement alone says nothing.


async def test_a_judge_that_always_says_the_same_agrees_often_and_shows_nothing(tmp_path):
    found = await calibrated(JudgeServer(lambda _: verdict("faithful")), halueval(tmp_path))
    assert found.agreement > 0.6
    assert found.kappa == 0


async def test_a_judge_of_positions_is_found_out_by_asking_in_both_orders(tmp_path):
    found = await calibrated(fond_of_the_first(), ragchecker(tmp_path), ["preference"])
    assert found.position_bias == 1
    assert sum(row["tie"] for row in found.confusion.values()) == 2 * found.cases
    assert found.kappa == 0
    good = await calibrated(perfect(), ragchecker(tmp_path), ["preference"])
    assert (good.position_bias, good.kappa) == (0, 1)


@pytest.mark.parametrize(
    "said",
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
async def test_what_is_not_exactly_a_verdict_is_counted_and_not_guessed_at(tmp_path, said):
    found = await calibrated(JudgeServer(lambda _: said), halueval(tmp_path, 6))
    assert (found.cases, found.failures) == (0, 6)


async def test_only_the_wanted_rubrics_are_measured(tmp_path):
    await calibrated(perfect(), halueval(tmp_path, 6), ["faithfulness", "preference"])
    with pytest.raises(InvalidInput, match="tell of faithfulness, not of preference"):
        await calibrated(perfect(), halueval(tmp_path, 6), ["preference"])


async def test_an_input_that_the_judges_server_refuses_costs_that_input_only(tmp_path):
    found = await calibrated(answering(400, "too long"), halueval(tmp_path, 6))
    assert (found.cases, found.failures) == (0, 6)


async def test_the_judge_without_a_model_prefers_what_has_more_of_the_right_answer(tmp_path):
    found = await calibrate(LexicalJudge(), read_labelled(ragchecker(tmp_path)), concurrency=1)
    assert [agreement.position_bias for agreement in found] == [0, None]


def test_two_readers_of_a_pair_are_one_case_with_two_labels(tmp_path):
    data = read_labelled(ragchecker(tmp_path, 60))
    assert len(data.pairs) == 60
    assert agreement_of_people(data.pairs).kappa == 1


def test_what_holds_no_labels_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"general_data\.json"):
        read_labelled(tmp_path)


def test_kappa_of_a_known_table():
    labels = ["yes"] * 25 + ["no"] * 25
    judged = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = compare([[label] for label in labels], judged, ["yes", "no"])
    assert found.kappa == pytest.approx(0.4)
    assert found.agreement == pytest.approx(0.7)
    assert found.confusion == {"yes": {"yes": 20, "no": 5}, "no": {"yes": 10, "no": 15}}
    assert found.interval[0] < 0.4 < found.interval[1]


def test_no_case_at_all_is_no_agreement():
    found = compare([["yes"]], [None], ["yes", "no"])
    assert (found.cases, found.failures, found.kappa, found.interval) == (0, 1, 0, (0, 0))
