"""The contract of generators. The test file of each adapter collects this suite."""

import asyncio
import json
from contextlib import aclosing

import aiohttp
import pytest

from rag.errors import Overloaded
from service.generation.base import Finish, Generator, Prompt, Usage
from service.generation.factory import build_generator, open_endpoint
from service.settings import AnsweringSettings

PROMPT = Prompt(system="You are brief.", user="Count from one to one hundred, in words.")
# Longer than any adapter needs on a busy machine. A test that waits this long has failed.
_SECONDS = 120


class GeneratorContract:
    """A subclass provides the fixture `generator_settings`, with room for one generation at a time."""

    @pytest.fixture
    async def generator(self, generator_settings):
        # A queue of length 0: a generation that still occupies the slot rejects the next one.
        answering = AnsweringSettings(waiting=0, max_tokens=48)
        async with aiohttp.ClientSession() as session, open_endpoint(generator_settings) as endpoint:
            yield build_generator(endpoint, answering, session)

    async def test_the_text_comes_first_then_its_finish_and_the_usage_last(self, generator: Generator):
        *texts, finish, usage = [piece async for piece in generator.generate(PROMPT)]
        assert isinstance(finish, Finish)
        assert len(texts) > 1
        assert all(isinstance(text, str) for text in texts)
        assert isinstance(usage, Usage)
        assert usage.prompt_tokens > 0
        assert usage.completion_tokens >= len(texts)

    async def test_a_closed_generation_makes_room_for_the_next_one(self, generator: Generator):
        async with aclosing(generator.generate(PROMPT)) as first:
            await asyncio.wait_for(anext(first), _SECONDS)
            with pytest.raises(Overloaded):
                await anext(generator.generate(PROMPT))
        async with aclosing(generator.generate(PROMPT)) as second:
            assert await asyncio.wait_for(anext(second), _SECONDS)

    async def test_an_answer_with_a_schema_follows_it(self, generator: Generator):
        colour = {"type": "string", "enum": ["red", "green"]}
        schema = {"type": "object", "properties": {"colour": colour}, "required": ["colour"]}
        prompt = Prompt(system="You answer in JSON.", user="Which colour has grass?", schema=schema)
        text = "".join([piece async for piece in generator.generate(prompt) if isinstance(piece, str)])
        assert json.loads(text)["colour"] in colour["enum"]

    async def test_it_names_its_model(self, generator: Generator):
        assert generator.model
