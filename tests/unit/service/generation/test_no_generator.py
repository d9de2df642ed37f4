"""A service without a language model quotes, and says what is missing when a request needs a model."""

import aiohttp
import pytest

from rag.errors import InvalidInput, Misconfigured
from service.generation.base import Prompt
from service.generation.factory import build_generator, open_endpoint
from service.judging.factory import build_judge
from service.settings import AnsweringSettings, JudgeSettings, NoGeneratorSettings
from service.writing.factory import default_mode

NONE = NoGeneratorSettings(kind="none")


async def test_a_generation_is_refused_with_the_setting_that_helps():
    async with aiohttp.ClientSession() as session, open_endpoint(NONE) as endpoint:
        generator = build_generator(endpoint, AnsweringSettings(), session)
        with pytest.raises(InvalidInput, match="RAG_GENERATOR__KIND=openai"):
            await anext(generator.generate(Prompt(system="", user="Why?")))


def test_the_default_mode_is_quote():
    assert default_mode(AnsweringSettings(), NONE) == "quote"


async def test_a_sample_of_answers_cannot_be_judged_without_a_judge():
    async with aiohttp.ClientSession() as session:
        build_judge(JudgeSettings(), session)
        with pytest.raises(Misconfigured, match="RAG_JUDGE__URL"):
            build_judge(JudgeSettings(sample=0.1), session)
