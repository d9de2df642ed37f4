"""Assignment of prompt versions to questions."""

import pytest

from rag.errors import InvalidInput, Misconfigured
from service.prompting.choosing import AnswerPrompts
from service.prompting.folder import PACKAGED, FolderPrompts
from service.settings import PromptSettings

KEYS = [f"conversation {number}" for number in range(4000)]


async def prompts(**settings) -> AnswerPrompts:
    return AnswerPrompts(await FolderPrompts(PACKAGED).load("answer"), PromptSettings(**settings))


async def assignments(**settings) -> list[str]:
    chosen = await prompts(**settings)
    return [chosen.assigned(key).version.version for key in KEYS]


async def test_without_an_alternative_every_key_gets_the_configured_version():
    assert set(await assignments(version="v2")) == {"v2"}
    assert set(await assignments(alternative="v2", percent=0)) == {"v1"}
    assert set(await assignments(alternative="v2", percent=100)) == {"v2"}


async def test_the_percentage_is_respected_and_a_key_keeps_its_version():
    first = await assignments(alternative="v2", percent=30)
    assert first == await assignments(alternative="v2", percent=30)
    assert 0.27 < first.count("v2") / len(KEYS) < 0.33


async def test_a_higher_percentage_moves_no_key_back():
    before, after = [await assignments(alternative="v2", percent=percent) for percent in (10, 40)]
    assert all(new == "v2" for old, new in zip(before, after, strict=True) if old == "v2")


async def test_an_unknown_version_is_rejected_with_the_known_versions():
    with pytest.raises(InvalidInput, match=r"v9.*v1, v2"):
        (await prompts()).named("v9")
    with pytest.raises(Misconfigured, match="RAG_PROMPT__VERSION"):
        await prompts(version="v9")
    with pytest.raises(Misconfigured, match="RAG_PROMPT__ALTERNATIVE"):
        await prompts(percent=10)
