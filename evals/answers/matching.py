"""Text normalisation for the comparison of answers with gold texts."""

import re
import string
from collections import Counter

_MARKER = re.compile(r"\[\d{1,2}\]")
_ARTICLE = re.compile(r"\b(a|an|the)\b")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_MARKUP = str.maketrans("", "", "*`|#>\\")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def without_markers(text: str) -> str:
    """Return the answer without its citation markers."""
    return _MARKER.sub(" ", text)


def normalise(text: str) -> str:
    """Normalise as SQuAD does (Rajpurkar et al., 2016): lower case, no punctuation or articles, single spaces."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def flatten(text: str) -> str:
    """Remove line breaks and Markdown marks, so that a quote of the source matches the parsed text."""
    return " ".join(_LINK.sub(r"\1", text).translate(_MARKUP).lower().split())


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
