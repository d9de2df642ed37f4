"""Each block of settings in the guide for model servers works on a stand-in that enforces that server's rules."""

import re
from pathlib import Path

import pytest

from rag.http import open_session
from rag.settings import TimeoutSettings, read_settings
from service.generation.base import Prompt
from service.generation.factory import build_generator, open_endpoint
from service.settings import Settings
from tests.support.fakes.model_products import (
    KEY,
    VLLM,
    AzureOpenAI,
    LlamaCpp,
    LMStudio,
    Mistral,
    Ollama,
    OpenAI,
    serving,
)
from tests.support.fakes.model_servers import ANSWER

_PAGE = Path(__file__).parents[3] / "docs" / "guides" / "own-model.md"
_SECTIONS = re.findall(r"(?ms)^## ([^\n]+)\n(.*?)(?=^## |\Z)", _PAGE.read_text())
_BLOCKS = [(section, block) for section, text in _SECTIONS for block in re.findall(r"(?ms)^```ini\n(.*?)^```", text)]
_PRODUCTS = {
    "Ollama": Ollama,
    "llama.cpp": LlamaCpp,
    "LM Studio": LMStudio,
    "vLLM": VLLM,
    "OpenAI": OpenAI,
    "Azure OpenAI": AzureOpenAI,
    "Any other server": Mistral,
}


def test_the_guide_has_every_product():
    assert {section for section, _ in _BLOCKS} == set(_PRODUCTS)


@pytest.mark.parametrize(("section", "block"), _BLOCKS, ids=[section for section, _ in _BLOCKS])
async def test_the_settings_of_the_guide_get_an_answer(section, block, tmp_path, monkeypatch):
    for name in re.findall(r"\$\{(\w+)\}", block):
        monkeypatch.setenv(name, KEY)
    async with serving(_PRODUCTS[section]()) as origin:
        (tmp_path / ".env").write_text(re.sub(r"https?://[^/]+", origin, block))
        monkeypatch.chdir(tmp_path)
        settings = read_settings(Settings)
        async with (
            open_session(TimeoutSettings(connect=60, read=60)) as session,
            open_endpoint(settings.generator) as endpoint,
        ):
            generator = build_generator(endpoint, settings.answering, session)
            prompt = Prompt(system="Be brief.", user="When did the bridge open?")
            pieces = [piece async for piece in generator.generate(prompt) if isinstance(piece, str)]
    assert "".join(pieces) == ANSWER
