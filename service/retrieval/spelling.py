"""Correction of misspelt words by the words of the collection.

No vocabulary is kept: one search by words for all spellings at a distance of one finds the passages that have one.
"""

import re
import string
from collections import Counter
from collections.abc import Iterator, Sequence

from rag.types import ScoredChunk

# Shorter words have too many neighbours, and a longer word in one letter too many to be one.
_WORD = re.compile(r"(?<![\w./-])[a-zA-Z]{5,20}(?![\w./-])")
_TOKEN = re.compile(r"[a-z]{4,21}")
# Each word adds some 500 spellings to the query.
_MAX_WORDS = 3


def find_unknown(question: str, hits: Sequence[ScoredChunk]) -> list[str]:
    """Return the words of the question that none of the passages contains, in lower case."""
    known = _vocabulary(hits)
    words = dict.fromkeys(word.lower() for word in _WORD.findall(question))
    # A word without its last letters may be an inflection.
    return [word for word in words if not any(other.startswith(word[:-2]) for other in known)][:_MAX_WORDS]


def spellings(words: Sequence[str]) -> str:
    """Return a query by words for all spellings that differ from one of the words by one letter."""
    return " ".join(dict.fromkeys(edit for word in words for edit in (word, *_edits(word))))


def correct(question: str, words: Sequence[str], hits: Sequence[ScoredChunk]) -> str:
    """Return the question with words of the passages in place of unknown ones, or an empty text if none was found."""
    known = _vocabulary(hits)
    corrected = question
    for word in words:
        if word in known:  # The collection has it, so it is not misspelt.
            continue
        near = [edit for edit in _edits(word) if edit in known]
        if near:
            best = max(near, key=lambda edit: known[edit])
            corrected = re.sub(rf"\b{word}\b", best, corrected, flags=re.IGNORECASE)
    return corrected if corrected != question else ""


def _vocabulary(hits: Sequence[ScoredChunk]) -> Counter[str]:
    return Counter(word for hit in hits for word in set(_TOKEN.findall(hit.chunk.passage.lower())))


def _edits(word: str) -> Iterator[str]:
    """Yield the word with a letter removed, two swapped, one replaced or one inserted. The first letter stays first."""
    for index in range(1, len(word)):
        yield word[:index] + word[index + 1 :]
        yield word[: index - 1] + word[index] + word[index - 1] + word[index + 1 :]
        for letter in string.ascii_lowercase:
            yield word[:index] + letter + word[index + 1 :]
            yield word[:index] + letter + word[index:]
    for letter in string.ascii_lowercase:
        yield word + letter
