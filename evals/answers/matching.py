"""When two wordings count as the same."""

import re
import string
from collections import Counter

_MARKER = re.compile(r"\[\d{1,2}\]")
_ARTICLE = re.compile(r"\b(a|an|the)\b")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_MARKUP = str.maketrans("", "", "*`|#>\\")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def without_markers(text: str) -> str:
    """The answer without the numbers of its citations."""
    return _MARKER.sub(" ", text)


def normalise(text: str) -> str:
    """SQuAD's (Rajpurkar et al., 2016): lower case, no punctuation, no articles, single spaces."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def flatten(text: str) -> str:
    """Without line breaks and Markdown's marks, so that a quote of the source is found in what a parser made of it."""
    return " ".join(_LINK.sub(r"\1", text).translate(_MARKUP).lower().split())


def contains_span(text: str, span: str) -> bool:
    return normalise(span) in normalise(text)


def is_exact(text: str, span: str) -> bool:
    return normalise(span) == normalise(text)


def token_f1(text: str, span: str) -> float:
    """SQuAD's F1: harmonic mean of precision and recall over the bag of normalised tokens."""
    said, gold = Counter(normalise(text).split()), Counter(normalise(span).split())
    common = (said & gold).total()
    if not common:
        return 0.0
    precision, recall = common / said.total(), common / gold.total()
    return 2 * precision * recall / (precision + recall)
