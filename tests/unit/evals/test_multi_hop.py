"""The comparison of direct and agentic answers."""

import json
from dataclasses import asdict, replace

from evals.answers.gold import MULTI_HOP, read_question_set
from evals.answers.multi_hop import MultiHopAnswer, read_answers, to_table, write_answers
from service.settings import Settings

DIRECT = MultiHopAnswer(
    id="a",
    mode="generate",
    is_answerable=True,
    is_declined=False,
    reads_both=False,
    cites_both=False,
    seconds=2.0,
    calls=1,
    prompt_tokens=1000,
    completion_tokens=50,
    steps=[],
    text="One.",
    model="told",
)
AGENTIC = replace(DIRECT, mode="agentic", reads_both=True, cites_both=True, seconds=9.0, calls=4, prompt_tokens=3000)
NONE = {"is_answerable": False, "cites_both": False, "reads_both": False}


def test_the_table_compares_the_questions_that_were_asked_in_both_modes():
    answers = [
        *(DIRECT, AGENTIC),
        *(replace(DIRECT, id="b", **NONE), replace(AGENTIC, id="b", is_declined=True, **NONE)),
        replace(DIRECT, id="c", seconds=500.0),
    ]
    _, _, direct, agentic = to_table(answers, [1, 4]).split("\n")
    assert direct == "| generate | 1 | 0 | 0 | 0 | 1 | 1 | 2 | 1.0 | 1,000 | 50 | 1.20 |"
    assert agentic == "| agentic | 1 | 1 | 1 | 0 | 1 | 0 | 9 | 4.0 | 3,000 | 50 | 3.20 |"


async def test_a_run_continues_after_the_answers_that_its_file_has(tmp_path):
    file = tmp_path / "answers.jsonl"
    asked = [
        replace(it, id=question.id) for question in read_question_set(MULTI_HOP).questions for it in (DIRECT, AGENTIC)
    ]
    file.write_text("".join(f"{json.dumps(asdict(answer))}\n" for answer in asked))
    # Nothing is missing, so that no collection is filled and no model is asked.
    await write_answers(file, Settings(data_dir=tmp_path / "unused"), limit=30)
    assert read_answers(file) == asked
    assert not (tmp_path / "unused").exists()
