"""Comparing the words of a sentence with those of passages: shared words, numbers and negations."""

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from rag.words import to_words
from service.sentences import content_stems, find_sentences, stems

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"\w+(?:['\u2019]\w+)?")
_NEGATION = re.compile(r"no|not|never|without|cannot|neither|nor|none|\w+n['\u2019]t", re.IGNORECASE)
# Words that may come between a negation and the word that it negates.
_FILLERS = frozenset({"longer", "yet", "been", "being"})
# A negation reaches the verb and the word after it, as in "does not need a licence".
_NEGATED_WORDS = 2
# A passage may spell a number that a model writes in digits.
_NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SPELLED = {stem: str(value) for value, word in enumerate(_NUMERALS) for stem in stems(word)}
# Identifiers, such as E1234, RAG_PORT and 1990s.
_CODE = re.compile(r"\b(?=\w*[a-z])(?=\w*[\d_])\w{3,}\b", re.IGNORECASE)
_ITEM = re.compile(r"[|>#]|(?:[-*+]|\d{1,3}[.)])\s")
_CELLS = " | "


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The evidence of passages for a sentence and against it."""

    share: float
    """Share of the sentence's content words in the passages, 0 to 1: the mean of all text and of the nearest part."""
    contradicts: bool
    """True if a number is missing from the passages, or if the nearest part negates what the sentence asserts, asserts
    what it negates, or has another identifier.
    """
    nearest: Sequence[str]
    """The parts of the passages, those first that share most words with the sentence."""


class Reading:
    """The words of a passage, read once for all sentences of an answer."""

    def __init__(self, passage: str) -> None:
        self._passage = passage

    @cached_property
    def parts(self) -> Sequence[tuple[str, Set[str]]]:
        """The sentences, each alone and with the next one, with their stems.

        A list item or a table row stands alone: together, two rows would give a code the meaning of its neighbour.
        """
        spans = list(find_sentences(self._passage))
        sentences = [self._passage[start:end] for start, end in spans]
        windows = [
            self._passage[first[0] : second[1]]
            for (first, second), (one, other) in zip(pairwise(spans), pairwise(sentences), strict=True)
            if not (_ITEM.match(other) or _CELLS in one or _CELLS in other)
        ]
        return [(window, stems(window)) for window in [*sentences, *windows] or [self._passage]]

    @cached_property
    def stems(self) -> Set[str]:
        """The stems of all words."""
        return stems(self._passage)

    @cached_property
    def numbers(self) -> Set[str]:
        """The numbers, also those that are spelled as a word."""
        return _numbers(self._passage) | {_SPELLED[stem] for stem in _SPELLED.keys() & self.stems}


def weigh(sentence: str, readings: Sequence[Reading]) -> Evidence:
    """Return the evidence of some passages together. Numbers are compared separately, because each one counts."""
    words = {stem for stem in content_stems(sentence) if not stem[0].isdigit()}
    parts = sorted(
        ((_share(words, known), text) for reading in readings for text, known in reading.parts),
        key=lambda part: (-part[0], len(part[1])),
    )
    everything = frozenset().union(*(reading.stems for reading in readings))
    numbers = frozenset().union(*(reading.numbers for reading in readings))
    return Evidence(
        share=(parts[0][0] + _share(words, everything)) / 2,
        contradicts=not _numbers(sentence) <= numbers
        or _differ(sentence, parts[0][1])
        or _name_others(sentence, parts[0][1]),
        nearest=[text for _, text in parts],
    )


def _share(words: Set[str], known: Set[str]) -> float:
    return len(words & known) / len(words) if words else 1.0


def _numbers(text: str) -> Set[str]:
    return {number.replace(",", "") for number in _NUMBER.findall(to_words(text))}


def _differ(sentence: str, part: str) -> bool:
    """Return whether a word is negated in one of both texts and asserted in the other."""
    ours, theirs = set(_polarities(sentence)), set(_polarities(part))
    return any((stem, not is_negated) in theirs and (stem, is_negated) not in theirs for stem, is_negated in ours)


def _name_others(sentence: str, part: str) -> bool:
    """Return whether both texts name identifiers, and each lacks one of the other."""
    ours, theirs = (set(map(str.lower, _CODE.findall(text))) for text in (sentence, part))
    return bool(ours - theirs) and bool(theirs - ours)


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
