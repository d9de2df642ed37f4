import itertools
import json
import math
import statistics
from collections import Counter

from loadtests.arrivals import poisson, questions_about, read_questions, zipf


def test_gaps_between_arrivals_are_exponential():
    times = poisson(50, 200, seed=3)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert abs(len(times) - 10_000) < 4 * math.sqrt(10_000)
    # In an exponential distribution, mean and deviation are equal, and 1/e of the values exceed the mean.
    assert abs(statistics.fmean(gaps) * 50 - 1) < 0.05
    assert abs(statistics.pstdev(gaps) * 50 - 1) < 0.05
    assert abs(sum(gap > 1 / 50 for gap in gaps) / len(gaps) - 1 / math.e) < 0.02


def test_arrivals_ascend_within_the_duration_and_depend_on_the_seed():
    times = poisson(20, 10, seed=1)
    assert times == sorted(times)
    assert times[0] > 0 and times[-1] < 10
    assert times == poisson(20, 10, seed=1) != poisson(20, 10, seed=2)


def test_question_frequencies_follow_zipfs_law():
    counts = Counter(itertools.islice(zipf([f"q{n}" for n in range(100)], seed=1), 50_000)).most_common()
    total = sum(1 / rank for rank in range(1, 101))
    for rank in (1, 2, 5, 20):
        assert abs(counts[rank - 1][1] / 50_000 * total * rank - 1) < 0.15, rank


def test_the_seed_decides_which_questions_are_frequent():
    first, second = (Counter(itertools.islice(zipf("abcdefghij", seed=seed), 999)).most_common(3) for seed in (1, 2))
    assert first != second


def test_headings_become_questions_and_code_comments_do_not(tmp_path):
    page = "# The `pump`\n\n## Seals\n\n```sh\n# not a heading\n```\n\n### [Oil](oil.md) and fat\n"
    expected = [
        "What is said about The pump?",
        "What does The pump say about Seals?",
        "What does The pump say about Oil and fat?",
    ]
    assert questions_about(page) == expected
    (tmp_path / "pump.md").write_text(page)
    assert read_questions(tmp_path) == expected


def test_a_question_file_has_lines_of_text_or_json(tmp_path):
    file = tmp_path / "questions.jsonl"
    file.write_text("Is it?\n\n" + json.dumps({"question": "Was it?", "answer": "Yes."}) + "\n")
    assert read_questions(file) == ["Is it?", "Was it?"]
