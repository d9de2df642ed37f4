"""Answers in the documents' own words: which sentences answer best, and what of a model's sentence they support.

The weights were chosen on one half of XQuAD's questions and measured on the other (docs/adr/0004).
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import nupunkt

_CODE = re.compile(r"(^```.*?^```|^~~~.*?^~~~)", re.MULTILINE | re.DOTALL)
_ITEM = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+>|#]|\d+[.)]\s))|(?<=\|)\n")
_TABLE_ROW = " | "
_WORD = re.compile(r"\w+(?:[.,:]\d+)*")
_NEGATIONS = frozenset({"no", "not", "never", "without"})
# What questions are asked with, in English; in another language they count as matter.
_ASKING = frozenset(
    re.findall(
        r"\w+",
        "what which who whom whose when where why how is are was were be been do does did has have had can "
        "a an the of in on to for and or by with from at as it this that not",
    )
)
_LONG_WORD = 4
_STEM = 5
_FEWEST_WORDS = 3

_OVERLAP_WEIGHT = 0.5
_RANK_PENALTY = 0.05
_MARGIN = 0.3
_NEAR = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence exactly as it stands in a passage."""

    text: str
    passage: int
    """Rank of its passage, 0 the best."""


def split_sentences(passage: str) -> list[str]:
    """Sentences, list items, table rows and whole code blocks, each a substring of the passage.

    Headings and questions are left out: they answer nothing. What ends in a colon keeps the item that it announces.
    """
    spans: list[tuple[int, int]] = []
    for start, end in _spans(passage):
        if spans and passage[spans[-1][1] - 1] == ":":
            spans[-1] = (spans[-1][0], end)
        elif _says_something(passage[start:end]):
            spans.append((start, end))
    return [passage[start:end] for start, end in spans]


def keeps_lines(sentence: str) -> bool:
    """Whether its line breaks mean something: code, lists, tables."""
    return bool(_CODE.search(sentence) or _ITEM.search(sentence) or ("\n" in sentence and _TABLE_ROW in sentence))


def shortlist(question: str, sentences: Sequence[Sentence], *, limit: int) -> list[Sentence]:
    """The sentences worth embedding: those that repeat most of the question, in their first order."""
    best = np.argsort(-_overlaps(question, sentences), kind="stable")[:limit]
    return [sentences[index] for index in sorted(best)]


def select_quotes(
    question: str, sentences: Sequence[Sentence], similarities: npt.NDArray[np.float32], *, limit: int
) -> list[Sentence]:
    """The sentence that answers best, and the next ones while they come close to it.

    `similarities` are the cosines of question and sentence, shape (sentences,).
    """
    ranks = np.array([sentence.passage for sentence in sentences])
    scores = similarities + _OVERLAP_WEIGHT * _overlaps(question, sentences) - _RANK_PENALTY * ranks
    best, *others = np.argsort(-scores, kind="stable")[:limit]
    close = scores >= scores[best] - _MARGIN
    near = similarities >= _NEAR
    return [sentences[best], *(sentences[index] for index in others if close[index] and near[index])]


def coverage(question: str, passage: str) -> float:
    """Share of the question's words that the passage has, 0 to 1; one half where the question has no matter at all."""
    asked = matter_of(question)
    return len(asked & _stems(passage)) / len(asked) if asked else 0.5


def matter_of(text: str) -> frozenset[str]:
    """The stems of its words, without those that questions are asked with."""
    return _stems(text) - _ASKING_STEMS


def is_supported(claim: str, quote: str, question: str) -> bool:
    """Whether what the claim says beyond the question, and each of its numbers, stands in the quote.

    It compares words, not meaning: a claim that mixes up who did what passes.
    """
    said, quoted, asked = _facts(claim), _stems(quote), _stems(question)
    new = {stem for stem in said if stem not in asked or stem[0].isdigit()}
    return bool(new - asked) and new <= quoted


def _spans(passage: str) -> Iterator[tuple[int, int]]:
    position = 0
    for part in _CODE.split(passage):
        texts = [part] if _CODE.match(part) else _sentences(part)
        for text in texts:
            position = passage.index(text, position)
            yield position, position + len(text)
            position += len(text)


def _sentences(text: str) -> Iterator[str]:
    for item in _ITEM.split(text):
        if _TABLE_ROW in item:
            yield from filter(None, map(str.strip, item.split("\n")))
        else:
            yield from filter(None, (str(sentence).strip() for sentence in nupunkt.sent_tokenize(item)))


def _says_something(sentence: str) -> bool:
    if sentence.startswith("#") or sentence.endswith("?"):
        return False
    return len(_WORD.findall(sentence)) >= _FEWEST_WORDS


def _overlaps(question: str, sentences: Sequence[Sentence]) -> npt.NDArray[np.float64]:
    """How much of the question each sentence repeats, 0 to 1; words rare among these sentences count more."""
    words = [_stems(sentence.text) for sentence in sentences]
    frequency = Counter(stem for stems in words for stem in stems)
    weights = {stem: math.log((len(words) + 1) / frequency[stem]) for stem in _stems(question) if stem in frequency}
    total = sum(weights.values()) or 1.0
    return np.array([sum(weights.get(stem, 0.0) for stem in stems) / total for stems in words])


def _stems(text: str) -> frozenset[str]:
    """Words cut to five letters, so that `govern` and `governed` meet; numbers stay whole."""
    return frozenset(word if word[0].isdigit() else word[:_STEM] for word in _WORD.findall(text.lower()))


_ASKING_STEMS = _stems(" ".join(_ASKING))


def _facts(claim: str) -> frozenset[str]:
    """The stems of names, numbers, negations and long words."""
    words = _WORD.findall(claim)
    names = [word for word in words[1:] if word[0].isupper()]
    rest = [word for word in words if len(word) > _LONG_WORD or word[0].isdigit() or word.lower() in _NEGATIONS]
    return _stems(" ".join(names + rest))
