"""The comparison of two prompts over the same questions."""

from pathlib import Path

import pytest
from pydantic import HttpUrl

from evals.answers.gold import GoldPassage, GoldQuestion, QuestionSet
from evals.answers.prompts import are_prompts, compare_prompts
from evals.answers.report import to_differences
from evals.answers.results import write_texts
from evals.citing_model import serve_citing_model
from evals.datasets import CorpusDocument
from evals.transcripts import read_transcripts
from rag.errors import InvalidInput
from service.prompting.folder import PACKAGED
from service.settings import OpenAIGeneratorSettings, PromptSettings, Settings

TOWNS = ["Aldera", "Bremsk", "Corvany", "Dunmere", "Elsford", "Fenwick", "Garlow", "Hexley", "Ibstead", "Jarvis Bay"]
FACTS = {town: f"The bridge of {town} was opened in {1900 + number}." for number, town in enumerate(TOWNS)}
QUESTIONS = QuestionSet(
    name="bridges",
    documents=[CorpusDocument(id=town, title=town, text=fact) for town, fact in FACTS.items()],
    questions=[
        GoldQuestion(
            id=town,
            text=f"When was the bridge of {town} opened?",
            kind="direct",
            evidence=[[GoldPassage(document=town, quote=fact)]],
        )
        for town, fact in FACTS.items()
    ],
)


@pytest.fixture
def prompts(tmp_path) -> Path:
    """Return a folder with the first packaged prompt, and a copy that does not ask for citations."""
    folder = tmp_path / "prompts" / "answer"
    folder.mkdir(parents=True)
    text = (PACKAGED / "answer" / "v1.md").read_text()
    (folder / "v1.md").write_text(text)
    marker = "After each sentence put the number of the passage that supports it in square brackets, like [1]. "
    assert marker in text
    (folder / "bare.md").write_text(text.replace(marker, ""))
    return folder.parent


async def compared(data_dir, prompts, *names):
    async with serve_citing_model() as stand_in:
        generator = OpenAIGeneratorSettings(kind="openai", url=HttpUrl(stand_in.url), model="stand-in")
        settings = Settings(data_dir=data_dir, generator=generator, prompt=PromptSettings(folder=prompts))
        return await compare_prompts(names, QUESTIONS, settings)


@pytest.mark.slow
async def test_a_prompt_that_does_not_ask_for_citations_has_fewer_cited_answers(data_dir, prompts, tmp_path):
    bare, usual, same = await compared(data_dir, prompts, "answer/bare", "answer/v1", "answer/v1")
    difference = bare.run.minus(usual.run, "cited")
    assert difference.is_real
    assert difference.mean < 0
    assert "answer/bare minus answer/v1" in to_differences(bare.run, usual.run)
    assert usual.prompt.hash in usual.run.conditions["prompt"]
    write_texts([bare.run, usual.run], tmp_path / "texts")
    [first, *_] = read_transcripts(tmp_path / "texts" / "answer-bare.jsonl")
    assert FACTS[first.id] in " ".join(first.passages)
    # A prompt compared with itself shows no difference.
    assert not usual.run.minus(same.run, "cited").is_real
    assert not usual.run.minus(same.run, "groundedness").is_real


@pytest.mark.slow
async def test_an_unknown_version_is_reported_with_the_known_ones(data_dir, prompts):
    with pytest.raises(InvalidInput, match="bare, v1"):
        await compared(data_dir, prompts, "answer/v1", "answer/v9")


def test_a_name_is_a_prompt_unless_a_file_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert are_prompts("answer/v1", "answer/v2")
    assert not are_prompts("before.json", "after.json")
    (tmp_path / "answer").mkdir()
    (tmp_path / "answer" / "v1").write_text("{}")
    assert not are_prompts("answer/v1", "answer/v2")
