"""The citing stand-in model depends on its prompt only."""

import pytest

from evals.citing_model import write_answer

PASSAGES = "[1] The mill was built in 1820.\n\nIt has two floors.\n\n[2] The bridge carries eight lanes."
QUESTION = "Question: When was the mill built?"


@pytest.mark.parametrize(
    ("system", "user"),
    [
        ("Answer from the passages and put their numbers in square brackets, like [1].", f"{PASSAGES}\n\n{QUESTION}"),
        ("Answer.", f"Passages:\n\n{PASSAGES}\n\nCite the passages, like [1].\n\n{QUESTION}\nAnswer:"),
    ],
)
def test_it_cites_if_the_prompt_asks_for_citations(system, user):
    assert write_answer(system, user).startswith("The mill was built in 1820 [1].")


@pytest.mark.parametrize("system", ["Answer from the passages.", "Answer, and do not cite passages.", "No citations."])
def test_it_does_not_cite_if_the_prompt_does_not_ask(system):
    answer = write_answer(system, f"{PASSAGES}\n\n{QUESTION}")
    assert answer.startswith("The mill was built in 1820.")
    assert "[" not in answer


def test_it_uses_the_passage_numbers_of_the_prompt():
    answer = write_answer("Cite.", f"[4] The mill was built in 1820.\n\n{QUESTION}")
    assert "[4]" in answer


def test_without_passages_it_gives_no_answer():
    assert write_answer("Cite.", QUESTION) == "The passages do not hold the answer."
