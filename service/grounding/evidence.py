"""Comparing the words of a sentence with those of a passage: shared words, numbers and negations."""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from rag.words import to_words
from service.sentences import content_stems, find_sentences, stems

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"\w+(?:['\u2019]\w+)?")
_NEGATION = re.compile(r"no|not|never|without|cannot|neither|nor|none|\w+n['\u2019]t", re.IGNORECASE)
# They stand between a negation and the word that it negates.
_FILLERS = frozenset({"longer", "yet", "been", "being"})
# A negation reaches the verb and the word after it, as in "does not need a licence".
_NEGATED_WORDS = 2
# People and models count: "three reasons" need not stand in the passage. A passage may spell what a model writes as 3.
_SPELLED = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
)
# A statement is rarely spread over more sentences of a passage.
_WINDOW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a passage says about a sentence."""

    share: float
    """Share of the sentence's content words in the passage, 0 to 1: the mean of all of it and of its nearest part."""
    contradicts: bool
    """True if a number is missing from the passage, or if one of both negates a word that the other asserts."""


def weigh(sentence: str, passage: str) -> Evidence:
    """Return the evidence of a passage for a sentence. Numbers are compared apart from words, because they may differ
    in form, and each of them counts.
    """
    words = {stem for stem in content_stems(sentence) if not stem[0].isdigit()}
    shares = [(_share(words, window), -len(window), window) for window in windows_of(passage)]
    nearest_share, _, nearest = max(shares)
    return Evidence(
        share=(nearest_share + _share(words, passage)) / 2,
        contradicts=not _numbers(sentence) <= _numbers_of(passage) or _differ(sentence, nearest),
    )


def windows_of(passage: str) -> Sequence[str]:
    """Return the sentences of a passage, each alone and with the next one."""
    spans = list(find_sentences(passage))
    return [
        passage[spans[first][0] : spans[last - 1][1]]
        for first in range(len(spans))
        for last in range(first + 1, min(first + _WINDOW, len(spans)) + 1)
    ] or [passage]


def _share(words: Set[str], text: str) -> float:
    return len(words & stems(text)) / len(words) if words else 1.0


def _numbers(text: str) -> set[str]:
    return {number.replace(",", "") for number in _NUMBER.findall(to_words(text))}


def _numbers_of(passage: str) -> set[str]:
    lowered = stems(passage)
    return _numbers(passage) | {str(value) for value, word in enumerate(_SPELLED) if word[:5] in lowered}


def _differ(sentence: str, window: str) -> bool:
    """Return whether a word is negated in one of both texts and asserted in the other."""
    ours, theirs = set(_polarities(sentence)), set(_polarities(window))
    return any((stem, not is_negated) in theirs and (stem, is_negated) not in theirs for stem, is_negated in ours)


def _polarities(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the content words with whether a negation before them reaches them."""
    reach = 0
    for word in _WORD.findall(to_words(text)):
        if _NEGATION.fullmatch(word):
            reach = _NEGATED_WORDS
        elif word.lower() not in _FILLERS:
            for stem in content_stems(word):
                yield stem, reach > 0
                reach -= 1
