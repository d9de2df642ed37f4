"""The two-sample test, on vectors whose distribution is known."""

import json

import numpy as np
import pytest

from evals.drift.comparison import compare_samples
from evals.drift.reference import build_reference_from
from evals.drift.samples import Sample, read_questions, read_samples
from evals.drift.two_sample_test import measure_shift, separate
from rag.errors import InvalidInput
from rag.types import EmbedderIdentity
from research.drift_power.curves import roc, standardise, threshold_for
from service.drift.base import Observation
from service.drift.reference import build_reference, write_reference
from service.drift.window import Window, read_window, write_window
from service.settings import Settings

EMBEDDER = EmbedderIdentity(model="round", dimension=24)


def around(random, count, *, away=0.0, spread=1.0):
    found = random.normal(scale=spread, size=(count, 24))
    found[:, 0] += away
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def sample(vectors) -> Sample:
    return Sample(observations=[Observation(vector=it, values={}) for it in vectors], embedder=EMBEDDER)


def test_p_values_are_uniform_without_a_shift():
    random = np.random.default_rng(1)
    found = np.array(
        [measure_shift(around(random, 80), around(random, 60), permutations=99).p_value for _ in range(200)]
    )
    # Five standard deviations of a binomial distribution with 200 trials.
    for bound in (0.05, 0.25, 0.5):
        expected, deviation = 200 * bound, np.sqrt(200 * bound * (1 - bound))
        assert abs((found <= bound).sum() - expected) < 5 * deviation


def test_the_test_is_one_sided():
    """A two-sided test would report drift for identical samples."""
    random = np.random.default_rng(2)
    vectors = around(random, 100)
    same = measure_shift(vectors, vectors.copy(), permutations=199)
    assert same.mmd < 0
    assert same.p_value > 0.5


def test_a_shift_of_the_whole_sample_is_detected():
    random = np.random.default_rng(3)
    found = measure_shift(around(random, 150), around(random, 150, away=1.5), permutations=499)
    assert found.p_value == 1 / 500
    assert found.mmd > 0.01


def test_a_few_outliers_are_detected_although_the_mean_hardly_moves():
    random = np.random.default_rng(4)
    base = around(random, 400, away=12)
    current = np.concatenate([around(random, 188, away=12), around(random, 12, away=0)])
    found = measure_shift(base, current, permutations=499)
    assert found.p_value <= 0.002
    assert found.outliers > 4


def test_the_same_samples_give_the_same_result():
    random = np.random.default_rng(5)
    one, other = around(random, 50), around(random, 50, away=0.5)
    assert measure_shift(one, other, permutations=99) == measure_shift(one, other, permutations=99)


def test_auc_is_measured_on_held_out_items():
    random = np.random.default_rng(6)
    # With almost as many dimensions as items, the AUC on training data would be perfect.
    noise = [separate(around(random, 30), around(random, 30)) for _ in range(100)]
    assert np.mean([it.auc for it in noise]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([it.interval[0] <= 0.5 <= it.interval[1] for it in noise]) > 0.9
    apart = separate(around(random, 100), around(random, 100, away=8))
    assert apart.auc > 0.99
    assert len(apart.scores) == 200


def test_changed_questions_are_selected_and_compared_with_chance():
    random = np.random.default_rng(7)
    reference, current = around(random, 300, away=12), around(random, 100, away=12)
    current[40:60] = around(random, 20)
    found = compare_samples(sample(reference), sample(current))
    assert found.drifted
    assert set(range(40, 60)) <= set(found.moved.tolist())
    assert len(found.moved) < 20 + 5 * found.moved_by_chance
    same = compare_samples(sample(reference), sample(around(random, 100, away=12)))
    assert not same.drifted
    assert same.to_json().keys() == {"drifted", "auc", "auc_interval", "mmd", "p_value", "psi"}


def test_more_tests_per_day_lower_the_threshold_of_each():
    random = np.random.default_rng(8)
    one, other = sample(around(random, 40)), sample(around(random, 40))
    assert compare_samples(one, other, looks=1).threshold == 0.01
    assert compare_samples(one, other, looks=20).threshold == pytest.approx(0.0005)


@pytest.mark.parametrize("looks", [0, 101])
def test_an_impossible_number_of_tests_per_day_is_rejected(looks):
    one = sample(around(np.random.default_rng(8), 40))
    with pytest.raises(InvalidInput, match="Use 1 to 100"):
        compare_samples(one, one, looks=looks)


def test_one_dominant_question_in_both_samples_is_not_a_shift():
    random = np.random.default_rng(12)
    often = np.repeat(around(random, 1), 90, axis=0)
    found = measure_shift(*(np.concatenate([often, around(random, 10)]) for _ in range(2)), permutations=99)
    assert np.isfinite(found.mmd)
    assert found.p_value > 0.1
    assert measure_shift(often, often.copy(), permutations=99).p_value == 1
    assert separate(often, often.copy()).auc == 0.5


def test_too_few_questions_are_rejected():
    random = np.random.default_rng(9)
    with pytest.raises(InvalidInput, match="too few"):
        compare_samples(sample(around(random, 100)), sample(around(random, 5)))


def test_questions_are_read_in_all_supported_formats(tmp_path):
    path = tmp_path / "questions.jsonl"
    lines = ['{"question": "a?"}', '{"_id": "1", "text": "b?"}', "", '"c?"', '{"query": "d?"}']
    path.write_text("\n".join(lines))
    assert read_questions(path) == ["a?", "b?", "c?", "d?"]
    path.write_text('{"question": "a?"}\n{"answer": "x"}')
    with pytest.raises(InvalidInput, match="line 2: no question"):
        read_questions(path)
    path.write_text("no")
    with pytest.raises(InvalidInput, match="not JSON"):
        read_questions(path)


async def test_windows_and_references_are_compared_without_a_model(tmp_path):
    random = np.random.default_rng(10)
    kept = [Observation(vector=it, values={"similarity": 0.5}) for it in around(random, 60)]
    write_reference(build_reference(kept, EMBEDDER), tmp_path / "reference.npz")
    for day, seen in (("2026-11-17-aa", 100), ("2026-11-24-aa", 60), ("2026-11-24-bb", 60)):
        write_window(Window(observations=kept, seen=seen, embedder=EMBEDDER), tmp_path / "windows" / f"{day}.npz")
    sources = [str(tmp_path / "reference.npz"), str(tmp_path / "windows" / "2026-11-24-*")]
    reference, current = await read_samples(sources, Settings(data_dir=tmp_path))
    assert (len(reference.observations), len(current.observations)) == (60, 120)
    assert "similarity" in {feature.feature for feature in compare_samples(reference, current).features}
    with pytest.raises(InvalidInput, match="no windows"):
        await read_samples([str(tmp_path / "windows" / "1999-*")], Settings(data_dir=tmp_path))


def test_thresholds_and_roc_curves_are_counted_per_day():
    unchanged = np.arange(200, dtype=float).reshape(100, 2)
    threshold = threshold_for(unchanged)
    assert (unchanged > threshold).any(axis=1).sum() == 1
    curve = roc(unchanged, unchanged + 1000)
    assert curve[0] == (0, 0)
    assert (0.0, 1.0) in curve
    without, having = standardise(unchanged, unchanged)
    assert np.allclose(without, having)
    assert np.allclose(without.std(axis=0), 1)


def test_the_json_output_survives_serialisation():
    random = np.random.default_rng(11)
    found = compare_samples(sample(around(random, 30)), sample(around(random, 30)))
    assert json.loads(json.dumps(found.to_json())) == found.to_json()


async def test_a_reference_of_windows_has_no_unknown_words_feature(tmp_path):
    random = np.random.default_rng(13)
    kept = [Observation(vector=it, values={"similarity": 0.5, "unknown_words": 0.9}) for it in around(random, 40)]
    path = tmp_path / "windows" / "2026-11-24-aa.npz"
    write_window(Window(observations=kept, seen=40, embedder=EMBEDDER), path)
    assert {name for it in read_window(path).observations for name in it.values} == {"similarity"}
    reference = await build_reference_from(str(path), Settings(data_dir=tmp_path), tenant="default")
    assert "similarity" in reference.bins
    assert "unknown_words" not in reference.bins
    # Without a vocabulary, the service does not count unknown words.
    assert reference.vocabulary == frozenset()
