"""Turn the lines of PDF pages into paragraphs, and undo the division of words at line ends."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

# PDFium writes U+FFFE or U+0002 for a hyphen at the end of a line and omits the line end.
# It leaves other hyphens as they are, for example between digits. A soft hyphen is one that only layout needs.
_DIVISION = re.compile(r"(?<=\w)(?:[\ufffe\x02]+(?:\r?\n)?|[-‐\u00ad]\r?\n)(?=\w)")  # noqa: RUF001
_LAYOUT_HYPHEN = re.compile(r"[\ufffe\x02](?:\r?\n)?")
_LEFT = re.compile(r"[\w'’.-]+$")  # noqa: RUF001
_RIGHT = re.compile(r"\w+")
_LONGEST_WORD = 60
_DIVIDED_NUMBERS = re.compile(r"(?<=\d[–/])\r?\n(?=\d)")  # noqa: RUF001 An en dash divides years.
_WORDS = re.compile(r"[^\W_]+(?:[-‐’'][^\W_]+)*")  # noqa: RUF001
# Marks a line that continues in the next line without a space. It never remains in the result.
_NO_GAP = "\uffff"

_LIST_ITEM = re.compile(r"[-*•‣▪]\s|\(?(?:\d{1,3}|[a-z])[.)]\s")
# Below this width a page has only short lines, as in a table of contents, and no line continues in the next.
_NARROWEST_FULL_LINE = 25
_SENTENCE_ENDS = tuple(".!?:")

# Without evidence in the document, these beginnings and ends keep their hyphen: self-test, long-term, follow-up.
_COMPOUNDING = frozenset(
    {"all", "built", "cross", "half", "low", "multi", "non", "quasi", "self", "semi", "vice", "well"}
)
_COMPOUNDED = frozenset(
    {
        *("based", "by", "cost", "dimensional", "driven", "friendly", "grained", "in", "level", "of", "only"),
        *("oriented", "party", "performance", "quality", "sized", "specific", "speed", "term", "up"),
    }
)
_PREFIXES = frozenset({"con", "de", "dis", "in", "inter", "mis", "out", "over", "re", "sub", "un", "under"})
_SUSPENDING = frozenset({"and", "bzw", "et", "oder", "or", "und", "y"})
# Their halves are words too, but they are written together.
_CLOSED_BEGINNINGS = frozenset({"else", "every", "more", "some", "there", "what", "when", "where", "with"})
# Shorter halves are often words by chance: "for-mat", "use-ful".
_SHORTEST_HALF = 4
# "AB-CDEF" is a name, "IN-FORMATION" is a divided word.
_LONGEST_CODE = 6


def join_divided_words(pages: Iterable[str]) -> list[str]:
    """Return the pages with each divided word restored; the other words of all pages decide about its hyphen."""
    texts = [text.replace(_NO_GAP, "") for text in pages]
    if any(_DIVISION.search(text) for text in texts):
        restore = _Evidence(texts).restore
        texts = [_DIVISION.sub(restore, text) for text in texts]
    return [_LAYOUT_HYPHEN.sub(f"-{_NO_GAP}\n", text) for text in texts]


def full_width(text: str) -> float:
    """Return from which length on a line of the page continues in the next line: 75 % of the page's width."""
    # The 90th percentile instead of the maximum: a heading across two columns is wider than each column.
    lengths = sorted(len(line.strip()) for line in text.splitlines())
    return max(_NARROWEST_FULL_LINE, 0.75 * lengths[len(lengths) * 9 // 10]) if lengths else 0


def to_paragraphs(text: str, width: float) -> str:
    """Join wrapped lines: a line that is at least `width` long continues in the next line."""
    lines = [line.strip() for line in _DIVIDED_NUMBERS.sub(f"{_NO_GAP}\n", text).splitlines()]
    pieces: list[str] = []
    for line, following in pairwise([*lines, ""]):
        pieces += [line.rstrip(_NO_GAP), _gap(line, following, width)]
    return "".join(pieces).strip()


def _gap(line: str, following: str, full: float) -> str:
    if line.endswith(_NO_GAP):
        return ""
    if len(line) < full:
        return "\n\n" if line.endswith(_SENTENCE_ENDS) else "\n"
    return "\n" if _LIST_ITEM.match(following) else " "


class _Evidence:
    """The words of a document, which distinguish "infor-mation" from "e-mail"."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._words: Counter[str] = Counter()
        for text in texts:
            self._words.update(_WORDS.findall(text))
            for division in _DIVISION.finditer(text):
                left, right = _halves(division)
                # A half must not count as evidence for itself.
                self._words.subtract([*_WORDS.findall(left)[-1:], *_WORDS.findall(right)[:1]])
        self._folded: Counter[str] = Counter()
        for word, count in self._words.items():
            self._folded[word.casefold().replace("‐", "-")] += count  # noqa: RUF001

    def restore(self, division: re.Match[str]) -> str:
        """Return the text between the two halves: a hyphen, a space or nothing."""
        left, right = _halves(division)
        end = division.end() + len(right)
        following = division.string[end : end + 1]
        if "\u00ad" in division[0] or not self._keeps_hyphen(left, right, following):
            return f"{_NO_GAP}\n"
        return f"- {_NO_GAP}\n" if right in _SUSPENDING else f"-{_NO_GAP}\n"

    def _keeps_hyphen(self, left: str, right: str, following: str) -> bool:
        beginning = re.split(r"\W", left)[-1]
        if left.endswith("_"):
            return False  # Typesetters divide the names of programs at their underscores.
        if not (beginning[-1:].isalpha() and right[:1].isalpha()):
            return True  # COVID-19, AB-1234, 2019-2020
        joined = self._count(f"{left}{right}") or self._count(f"{beginning}{right}")
        hyphenated = self._count(f"{left}-{right}") or self._count(f"{beginning}-{right}")
        if joined or hyphenated:
            return hyphenated >= joined
        if right in _SUSPENDING or len(beginning) == 1 or "-" in left or following == "-":
            return True  # e-mail, state-of-the-art
        if right[0].isupper():
            is_divided = (beginning + right).isupper() and len(beginning + right) > _LONGEST_CODE
            return not is_divided
        is_common = beginning in _COMPOUNDING or (right in _COMPOUNDED and beginning not in _PREFIXES)
        return is_common or self._is_compound(beginning, right)

    def _count(self, word: str) -> int:
        return self._folded[word.casefold()]

    def _is_compound(self, left: str, right: str) -> bool:
        """Return whether both halves are words of the document: thread-safe, but not infor-mation."""
        if left.casefold() in _CLOSED_BEGINNINGS or min(len(left), len(right)) < _SHORTEST_HALF:
            return False
        return self._words[left] > 0 and self._words[right] > 0


def _halves(division: re.Match[str]) -> tuple[str, str]:
    text, start, end = division.string, division.start(), division.end()
    left = _LEFT.search(text[max(0, start - _LONGEST_WORD) : start])
    right = _RIGHT.match(text[end : end + _LONGEST_WORD])
    return left[0] if left else "", right[0] if right else ""
