"""A stand-in for a capable model: it answers from the passages in its prompt and cites if the prompt asks for it.

Its output depends on the prompt only. The gate can therefore check within seconds, without a model, whether a prompt
still shows the passages with their numbers and still asks for citations (ADR 0019).
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from loadtests.stand_in import Delays, open_stand_in
from service.sentences import coverage, split_sentences

_PASSAGE = re.compile(r"^\[(\d+)\] ", re.MULTILINE)
_ASKS_TO_CITE = re.compile(r"\bcit(?:e|ation|ing)|\[\d\]|\[n\]|square brackets", re.IGNORECASE)
_ASKS_NOT_TO = re.compile(
    r"\b(?:no|not|never|without|don't)\s(?:\w+\s){0,4}?(?:cit(?:e|ation|ing)|markers?|brackets)", re.IGNORECASE
)
_SENTENCES = 2
_NO_ANSWER = "The passages do not hold the answer."


@dataclass
class CitingModel:
    """The server's URL, and the rules of all prompts that it received, without passages and questions."""

    url: str
    rules: list[str] = field(default_factory=list)


@asynccontextmanager
async def serve_citing_model() -> AsyncIterator[CitingModel]:
    """Serve OpenAI's `/v1/chat/completions` on loopback without delays."""
    model = CitingModel(url="")

    def write(contents: Sequence[str]) -> list[str]:
        system, user = contents
        _, rules = _split(user)
        model.rules.append(f"{system}\n{rules.replace(_question(rules), '')}")
        return [write_answer(system, user)]

    async with open_stand_in(Delays(ttft=0, tpot=0), write=write) as url:
        model.url = f"{url}/v1"
        yield model


def write_answer(system: str, user: str) -> str:
    """Return the sentences that share most words with the question, with citations if the prompt asks for them."""
    passages, rules = _split(user)
    question = _question(rules)
    ranked = sorted(
        (
            (coverage(question, sentence), -number, sentence)
            for number, text in passages
            for sentence in _sentences_of(text)
        ),
        reverse=True,
    )
    if not ranked:
        return _NO_ANSWER
    instructions = f"{system}\n{_around_passages(user)}"
    cites = bool(_ASKS_TO_CITE.search(instructions)) and not _ASKS_NOT_TO.search(instructions)
    return " ".join(
        f"{' '.join(sentence.split()).rstrip('.')}{f' [{-number}]' if cites else ''}."
        for _, number, sentence in ranked[:_SENTENCES]
    )


def _around_passages(user: str) -> str:
    """Return the text that may contain rules. The last passage may end anywhere, so its second paragraph counts."""
    marks = list(_PASSAGE.finditer(user))
    return user[: marks[0].start()] + user[marks[-1].end() :].partition("\n\n")[2] if marks else user


def _question(rules: str) -> str:
    return rules.rsplit("Question:", 1)[-1].strip().removesuffix("Answer:").strip()


def _sentences_of(passage: str) -> Sequence[str]:
    return split_sentences(passage) or [passage]


def _split(user: str) -> tuple[list[tuple[int, str]], str]:
    """Return the passages with the numbers that the prompt shows, and the text around them."""
    marks = list(_PASSAGE.finditer(user))
    if not marks:
        return [], user
    ends = [mark.start() for mark in marks[1:]]
    last, _, after = user[marks[-1].end() :].rpartition("\n\n")
    texts = [user[mark.end() : end] for mark, end in zip(marks, ends, strict=False)] + [last]
    passages = [(int(mark[1]), text.strip()) for mark, text in zip(marks, texts, strict=True)]
    return passages, user[: marks[0].start()] + after
