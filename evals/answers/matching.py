"""Text normalisation for the comparison of answers with gold texts."""

import re
import string
from collections import Counter
from collections.abc import Iterator

import nupunkt

_MARKER = re.compile(r"\[\d{1,2}\]")
_ARTICLE = re.compile(r"\b(a|an|the)\b")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_MARKUP = str.maketrans("", "", "*`|#>\\")
# Words keep their underscores inside, and numbers their points and commas.
_WORD = re.compile(r"\d+(?:[.,]\d+)+|\w+")
# Lines that mean something alone: items, rows, fences and indented code.
_BLOCK_LINE = re.compile(r"^(?:\s*(?:[-*+]|\d{1,3}[.)])\s|\s*\||\s*(?:```|~~~)|\s{4,}\S|[^|\n]+ \| )")
_BLANK_LINE = re.compile(r"\n\s*\n")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def without_markers(text: str) -> str:
    """Return the answer without its citation markers."""
    return _MARKER.sub(" ", text)


def without_first_paragraph(text: str) -> str:
    """Return an unsure answer without the paragraph which says that it is unsure. A text of one paragraph stays.

    The scorecard grades services with other paragraphs, and must not import the service's `without_paragraph`.
    """
    return text.partition("\n\n")[2] or text


def normalise(text: str) -> str:
    """Normalise as SQuAD does (Rajpurkar et al., 2016): lower case, no punctuation or articles, single spaces."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def flatten(text: str) -> str:
    """Remove line breaks and Markdown marks, so that a quote of the source matches the parsed text."""
    return " ".join(_LINK.sub(r"\1", text).translate(_MARKUP).lower().split())


def words(text: str) -> str:
    """Return the words of Markdown or of parsed text, in lower case and without marks, so that both can be compared."""
    plain = _LINK.sub(r"\1", text).replace("\\_", "_").lower()
    return " ".join(filter(None, (word.strip("_") for word in _WORD.findall(plain))))


def contains_words(text: str, part: str) -> bool:
    """Return whether the words of the part stand in the text, one after another."""
    return f" {words(part)} " in f" {words(text)} "


def split_answer(text: str) -> list[str]:
    """Split an answer into sentences, list items, table rows and lines of code. A colon joins the next piece."""
    pieces: list[str] = []
    for piece in _pieces(text):
        if pieces and pieces[-1].endswith(":"):
            pieces[-1] += f"\n{piece}"
        elif words(piece):
            pieces.append(piece)
    return pieces


def contains_span(text: str, span: str) -> bool:
    return normalise(span) in normalise(text)


def is_exact(text: str, span: str) -> bool:
    return normalise(span) == normalise(text)


def token_f1(text: str, span: str) -> float:
    """Return SQuAD's F1: the harmonic mean of precision and recall over the bag of normalised tokens."""
    answer, gold = Counter(normalise(text).split()), Counter(normalise(span).split())
    common = (answer & gold).total()
    if not common:
        return 0.0
    precision, recall = common / answer.total(), common / gold.total()
    return 2 * precision * recall / (precision + recall)


def _pieces(text: str) -> Iterator[str]:
    for block in _BLANK_LINE.split(text):
        lines = block.split("\n")
        if any(map(_BLOCK_LINE.match, lines)):
            yield from (line.strip() for line in lines if line.strip())
        else:
            yield from (str(sentence).strip() for sentence in nupunkt.sent_tokenize(" ".join(lines)))
