"""Labelled pairs of a sentence and a passage, made from CLAPNQ.

A person wrote each answer from a passage and marked the sentences that it rests on, so the passage supports every
sentence of the answer. The other pairs change the passage or the sentence until it does not.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evals.answers.gold import GoldQuestion, Half, read_question_set
from evals.datasets import read_dataset
from service.sentences import content_stems, split_paragraph, stems

Kind = Literal["gold", "other", "remainder", "number", "negation"]
"""How a pair was made.

gold        a sentence of the answer and its passage: supported
other       the passage of another title that shares most words with the sentence
remainder   the passage without the sentences that the answer rests on
number      the passage, and the sentence with one other number
negation    the passage, and the sentence with its verb negated
"""

_NUMBER = re.compile(r"\b\d[\d,]*\b")
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|can|will|does|did|may|could|should)\b(?!\s+not\b)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A sentence and a passage. Only pairs of the kind gold belong together."""

    question: str
    half: Half
    kind: Kind
    sentence: str
    passage: str

    @property
    def is_supported(self) -> bool:
        return self.kind == "gold"


def read_pairs(folder: Path) -> list[Pair]:
    dataset = read_dataset(folder)
    texts = {document.id: _Text(document.title, document.text) for document in dataset.documents}
    questions = [question for question in read_question_set(str(folder)).questions if question.is_answerable]
    return [
        pair for question in questions for pair in _pairs_of(question, next(iter(dataset.relevant[question.id])), texts)
    ]


def _pairs_of(question: GoldQuestion, own: str, texts: Mapping[str, "_Text"]) -> Iterator[Pair]:
    title, rest = texts[own].title, texts[own].text
    passage = texts[own].passage
    for sentences in question.annotations:
        for sentence in sentences:
            rest = rest.replace(sentence, "")
    for sentence in split_paragraph(question.references[0]):
        variants: dict[Kind, tuple[str, str]] = {"gold": (sentence, passage)}
        variants["other"] = (sentence, _most_similar(sentence, title, list(texts.values())).passage)
        if len(rest.split()) > len(sentence.split()):
            variants["remainder"] = (sentence, f"{title}\n{rest}")
        if number := _NUMBER.search(sentence):
            variants["number"] = (f"{sentence[: number.start()]}{_other(number[0])}{sentence[number.end() :]}", passage)
        if verb := _VERB.search(sentence):
            variants["negation"] = (f"{sentence[: verb.end()]} not{sentence[verb.end() :]}", passage)
        for kind, (changed, against) in variants.items():
            yield Pair(question=question.id, half=question.half, kind=kind, sentence=changed, passage=against)


class _Text:
    """A passage of the corpus with its stems."""

    def __init__(self, title: str, text: str) -> None:
        self.title = title
        self.text = text
        self.passage = f"{title}\n{text}"
        self.stems = stems(text)


def _most_similar(sentence: str, title: str, texts: Sequence[_Text]) -> _Text:
    words = content_stems(sentence)
    return max((other for other in texts if other.title != title), key=lambda other: len(words & other.stems))


def _other(number: str) -> str:
    """Return a number of the same length that the number's digest chooses."""
    digits = number.replace(",", "")
    value = int(digits) + 1 + hashlib.sha256(number.encode()).digest()[0] % 9
    return f"{value:,}" if "," in number else str(value)
