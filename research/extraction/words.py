"""Words of a text, normalised so that two extractors can be compared."""

import re
from collections import Counter
from typing import Final

from rag.words import normalise

# Where a line ends inside a word is a matter of layout, and so is the hyphen that marks it.
_HYPHEN: Final = re.compile(r"(?<=\w)[-\u00ad\u2010\u2011\ufffe]\s*(?=\w)")
# Scripts without spaces between words are compared by character: each extractor breaks their lines elsewhere.
_WORD: Final = re.compile(
    r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)


def words_of(text: str) -> Counter[str]:
    """Return how often each word occurs in the text: in Unicode form NFKC, case-folded, without hyphens."""
    return Counter(_WORD.findall(normalise(_HYPHEN.sub("", text)).casefold()))
