"""Follow-up questions without a model: carry over the words that a question lacks from the question before it.

The rules know English pronouns and openings. In other languages, only questions of few words count as follow-ups.
"""

import re

from service.retrieval.query_weights import BALANCED, words_share_of
from service.sentences import content_stems

_WORD = re.compile(r"[\w`][\w`./:<>{}-]*[\w`>}]|[\w]", re.UNICODE)
# "it" and "that" also fill the place of a subject: "is it possible to …", "how long does it take to …".
_REFERS = re.compile(
    r"""\b(?:
      its|they|them|their|theirs|he|she|him|his|her|hers|these|those|both|former|latter|itself|themselves
    | it(?!\s+(?:take|possible|necessary|safe|allowed|better|worth)\b)
    | this(?!\s+(?:service|project|machine|program)\b)
    | (?:^|(?:is|are|was|do|does|did|can|could|will|would|should|about|for|of|with|in|to|by|from|than|after|before|on
        |at|and|but|if|when|why|how|what|where|change|changes|set)\s)that
    | that(?=\W*$)
    | (?:which|that|another|other|each|either|neither|this|first|second|last)\s+ones?
    | ones?(?=\W*$|\s+(?:back|up|down|off|out|in|on|to|for|from|with|be|is|are|was|can|does|do)\b)
    | (?:do|does|done)\s+so|such|there(?=\W*$)
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
_OPENS = re.compile(
    r"^\W*(?:(?:and|but|or|so|then|ok|okay|also|plus|well)\b[\s,]*)+|^\W*(?:what|how)\s+about\b\s*", re.IGNORECASE
)
_CONTRASTS = re.compile(r"\b(?:instead|else|otherwise|too|as\s+well|then|same|again)\b\W*$", re.IGNORECASE)
_INTRODUCES = re.compile(r"^\W*(?:what|who)\s+(?:is|are)\s+(?:an?\s+)?\w", re.IGNORECASE)
# A question with fewer content words names a property and leaves out the thing: "How large may the queue be?" has two.
_FEW_WORDS = 2
# More words of earlier questions would outweigh the words of the question itself.
_MAX_CARRIED = 10
# Words of questions that name no thing, in addition to the function words that the selection of sentences leaves out.
_EMPTY = (
    "i we you my our your me us it its they them their there here about please tell show explain describe mean means "
    "happen happens work works use used using need needs want get gets give make makes made go should would could may "
    "might will shall must many much more most long often some any all each so too also then than if but because into "
    "over under between per own possible way thing things kind one ones"
)


def carry_over(question: str, earlier: str) -> str:
    """Return the question with the words that it lacks, from an earlier question that stands alone.

    A question that stands alone is returned unchanged.
    """
    if not earlier or not depends(question):
        return question
    known = content_stems(question)
    carried: list[str] = []
    for word in _WORD.findall(earlier):
        stems = _naming_stems(word)
        if stems and not stems & known:
            known |= stems
            carried.append(word)
    return f"{question} ({' '.join(carried[:_MAX_CARRIED])})" if carried else question


def depends(question: str) -> bool:
    """Return whether a question needs the earlier ones to be understood."""
    if _OPENS.search(question) or _REFERS.search(question) or _CONTRASTS.search(question):
        return True
    if words_share_of(question) > BALANCED:  # An identifier is a question of its own.
        return False
    return not _INTRODUCES.search(question) and len(_naming_stems(question)) <= _FEW_WORDS


def keeps_words(rewritten: str, question: str) -> bool:
    """Return whether a rewritten question has all words of the question that name things."""
    return _naming_stems(question) <= content_stems(rewritten)


def _naming_stems(text: str) -> frozenset[str]:
    """Return the stems of the words that name things, properties and actions."""
    return content_stems(text) - _EMPTY_STEMS


_EMPTY_STEMS = content_stems(_EMPTY)
