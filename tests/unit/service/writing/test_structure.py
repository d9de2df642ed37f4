"""Answers as JSON: what the model is asked, and what becomes of its text."""

import json

import numpy as np
import pytest

from rag.errors import BadResponse, InvalidInput
from rag.stages import StageTimer
from service.generation.base import Finish, Prompt
from service.metrics import ANSWER_STAGES
from service.prompting.folder import PACKAGED, FolderPrompts
from service.writing.base import CitedPassage, WritingInput
from service.writing.generate import GenerateWriter
from service.writing.structure import check_schema
from tests.support.passages import hit

SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "years": {"type": "array", "items": {"type": "integer"}}},
    "required": ["answer"],
}


class ScriptedModel:
    model = "scripted"

    def __init__(self, *pieces) -> None:
        self.pieces = pieces
        self.prompts: list[Prompt] = []

    async def generate(self, prompt):
        self.prompts.append(prompt)
        for piece in self.pieces:
            yield piece


async def write(model: ScriptedModel) -> list:
    template = (await FolderPrompts(PACKAGED).load("answer"))["v1"]
    writing_input = WritingInput(
        question="When?", vector=np.zeros(2), hits=[hit("In 1932."), hit("In 1933.")], schema=SCHEMA
    )
    timer: StageTimer = ANSWER_STAGES.start(None)
    return [piece async for piece in GenerateWriter(model, template).write(writing_input, timer)]


async def test_json_stays_as_it_is_and_its_texts_cite():
    text = '{"answer": "It opened in 1932 [1].", "years": [2]}'
    model = ScriptedModel(text[:20], text[20:], Finish("stop"))
    pieces = await write(model)
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == text
    assert [piece for piece in pieces if isinstance(piece, CitedPassage)] == [CitedPassage(number=1)]
    [prompt] = model.prompts
    assert prompt.schema == SCHEMA
    assert json.dumps(SCHEMA) in prompt.user


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        ('{"years": [1932]}', "stop", "violates the JSON schema at required"),
        ('{"answer": 5}', "stop", "properties/answer/type"),
        ("It opened in 1932 [1].", "stop", "did not answer with JSON"),
        ('{"answer": "It op', "length", "limit of tokens"),
    ],
)
async def test_json_that_violates_the_schema_is_an_error_without_the_text(text, reason, words):
    with pytest.raises(BadResponse, match=words) as caught:
        await write(ScriptedModel(text, Finish(reason)))
    assert "1932" not in str(caught.value)


def test_a_schema_that_is_nested_too_deeply_is_refused():
    schema: dict = {"type": "object"}
    for _ in range(500):
        schema = {"properties": {"a": schema}}
    with pytest.raises(InvalidInput, match="nested"):
        check_schema(schema)


def test_a_pattern_takes_linear_time_and_a_reference_to_itself_ends():
    check_schema({"type": "string", "pattern": "^(a+)+$"})
    check_schema({"$ref": "#"})
