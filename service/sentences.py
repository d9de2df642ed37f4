# ruff: noqa: RUF001 - marks of other scripts look alike
"""Splitting passages into sentences, comparing their words, and checking a model's sentence against a quote."""

import re
from collections.abc import Iterator

import nupunkt

from rag.words import is_unspaced, to_words

_CODE = re.compile(r"(^```.*?^```|^~~~.*?^~~~)", re.MULTILINE | re.DOTALL)
_ITEM = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+>|#]|\d+[.)]\s))|(?<=\|)\n")
_TABLE_ROW = " | "
# The ends of sentences in Chinese, Japanese, Arabic, Urdu, Hindi and Amharic, where no blank needs to follow.
_ENDS = "。！？｡؟।॥۔።"
_FOREIGN_SENTENCE = re.compile(rf".+?(?:[{_ENDS}]+[」』”’）》]*|$)", re.DOTALL)
QUESTION_MARKS = "?？؟"
"""The marks of questions in Latin, Chinese and Arabic script."""
_WORD = re.compile(r"\w+(?:[.,:]\d+)*")
_NEGATIONS = frozenset({"no", "not", "never", "without"})
# English function words of questions. In other languages every word counts as a content word.
_FUNCTION_WORDS = (
    "what which who whom whose when where why how is are was were be been do does did has have had can "
    "a an the of in on to for and or by with from at as it this that not"
)
# Longer words count as facts of a claim. Shorter ones are mostly function words, which any two sentences share.
_SHORT_WORD = 4
# Letters of a stem: a crude stemmer that needs no language data.
_STEM = 5
# Shorter pieces are labels and captions, which answer no question.
_MIN_WORDS = 3


def split_sentences(passage: str) -> list[str]:
    """Split a passage into sentences, list items, table rows and code blocks, each an exact substring.

    Headings and questions are omitted because they answer nothing. A colon joins a sentence with the next item.
    """
    spans: list[tuple[int, int]] = []
    for start, end in find_sentences(passage):
        if spans and passage[spans[-1][1] - 1] == ":":
            spans[-1] = (spans[-1][0], end)
        elif _is_statement(passage[start:end]):
            spans.append((start, end))
    return [passage[start:end] for start, end in spans]


def find_sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each sentence, list item, table row, heading and code block."""
    position = 0
    for part in _CODE.split(text):
        found = [part] if _CODE.match(part) else _sentences(part)
        for sentence in found:
            position = text.index(sentence, position)
            yield position, position + len(sentence)
            position += len(sentence)


def split_paragraph(text: str) -> list[str]:
    """Split a paragraph into its sentences, each an exact substring. A colon does not end one."""
    return [text for part in _FOREIGN_SENTENCE.findall(text) for text in _tokenize(part)]


def keeps_lines(sentence: str) -> bool:
    """Return whether line breaks carry meaning, as in code, lists and tables."""
    return bool(_CODE.search(sentence) or _ITEM.search(sentence) or ("\n" in sentence and _TABLE_ROW in sentence))


def coverage(question: str, passage: str) -> float:
    """Return the share of the question's content words in the passage, 0 to 1; 0.5 without any content word."""
    words = content_stems(question)
    return len(words & stems(passage)) / len(words) if words else 0.5


def content_stems(text: str) -> frozenset[str]:
    """Return the stems of the text's words, without the function words of questions."""
    return stems(text) - _FUNCTION_STEMS


def stems(text: str) -> frozenset[str]:
    """Return the words cut to five letters, so that `govern` matches `governed`, and `key` matches `keys`.

    Numbers are not cut.
    """
    return frozenset(word if word[0].isdigit() else _stem(word) for word in _words(text.lower()))


def _stem(word: str) -> str:
    is_plural = _SHORT_WORD <= len(word) <= _STEM and word[-1] == "s" and word[-2] not in "siu"
    return word[:-1] if is_plural else word[:_STEM]


def is_supported(claim: str, quote: str, question: str) -> bool:
    """Return whether the quote contains all numbers of the claim and all its facts that the question does not mention.

    The check compares words, not meaning. It accepts a claim that confuses subject and object.
    """
    question_stems = stems(question)
    new = {stem for stem in _facts(claim) if stem not in question_stems or stem[0].isdigit()}
    return bool(new - question_stems) and new <= stems(quote)


def _sentences(text: str) -> Iterator[str]:
    for item in _ITEM.split(text):
        if _TABLE_ROW in item:
            yield from filter(None, map(str.strip, item.split("\n")))
        else:
            yield from split_paragraph(item)


def _tokenize(text: str) -> Iterator[str]:
    return filter(None, (str(sentence).strip() for sentence in nupunkt.sent_tokenize(text)))


def _is_statement(sentence: str) -> bool:
    if sentence.startswith("#") or sentence[-1:] in QUESTION_MARKS:
        return False
    return len(_words(sentence)) >= _MIN_WORDS


def _words(text: str) -> list[str]:
    return _WORD.findall(to_words(text))


_FUNCTION_STEMS = stems(_FUNCTION_WORDS)


def _facts(claim: str) -> frozenset[str]:
    """Return the stems of names, numbers, negations and long words."""
    words = _words(claim)
    names = [word for word in words[1:] if word[0].isupper()]
    rest = [word for word in words if _is_fact(word)]
    return stems(" ".join(names + rest))


def _is_fact(word: str) -> bool:
    return len(word) > _SHORT_WORD or word[0].isdigit() or word.lower() in _NEGATIONS or is_unspaced(word)
