"""The sentences of an answer with the passages that they cite, and whether they claim anything."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from service.sentences import QUESTION_MARKS, content_stems, find_sentences, stems

_MARKERS = re.compile(r"\s*(?:\[\d+\])+")
_RULE = re.compile(r"\|?[\s|:-]*-{2,}[\s|:-]*")
"""The line between the head of a table and its rows."""
_MARKER = re.compile(r"\[(\d+)\]")
_LABEL = re.compile(r"^\s*(?:[-*+>]|\d{1,3}[.)]|\|)\s+")
_SUBJECT = r"""(?: (?:the|these|those|provided|given|available)\s+){0,3}
    (?: documents? | passages? | sources? | texts? | contexts? | excerpts? | information )"""
_NOT = r"(?:\s+not|\s*n[o'\u2019]t)"
_INFORMATION = r"(?: information | mention | answer | evidence | details? )"
# What a model writes if the passages do not answer. In other languages such a sentence is checked like any other.
_REFUSAL = re.compile(
    rf"""
    {_SUBJECT} (?:\s+\w+){{0,3}} \s+ (?:do|does|did) {_NOT} \s+ (?:\w+\s+)?
      (?: say | state | mention | specify | answer | tell | hold\s+the\s+answer
        | (?:contain|provide|include|give|offer|have) (?:\s+\w+){{0,3}} \s+ {_INFORMATION} )
    | \b(?: is | are | was | were ) {_NOT} \s+ (?:\w+\s+){{0,2}}
      (?: mentioned | specified | stated | provided | given | found | answered | included | described | available )
      \s+ (?:\w+\s+){{0,2}} (?: in | by ) \s+ {_SUBJECT}
    | \b (?: no | not\ enough | insufficient ) \s+ (?:\w+\s+){{0,2}} (?: information | mention | answer | details? )
    | \b i \s+ (?: do | can | could | am ) (?: {_NOT} | not | \s+unable\s+to | ['\u2019]t ) \s+ (?:\w+\s+)?
      (?: know | find | answer | determine | say | provide )
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Behind it, a refusal may go on with a claim.
_TURN = re.compile(r"\b(?:but|however|although|though|yet|while|instead)\b|;", re.IGNORECASE)
# A sentence of these words alone does not show what it affirms.
_ASSENT = stems("yes no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence, list item, table row or code block of an answer."""

    start: int
    end: int
    """Offsets in the answer. The markers of its citations are included."""
    text: str
    """The sentence without markers and without the label of a list."""
    cited: tuple[int, ...]
    """Numbers of the passages that it cites, in order."""
    is_claim: bool
    """False if it states nothing that a passage could support: a heading, a question, or that there is no answer."""

    @property
    def is_row(self) -> bool:
        """True if it is a row of a table."""
        return self.text.endswith("|")

    @property
    def is_prose(self) -> bool:
        """True if a marker may be added at its end. A marker would break the layout of a table row or a fence."""
        return not self.is_row and not self.text.endswith(("```", "~~~"))


def read_claims(answer: str) -> list[Sentence]:
    """Return the sentences of an answer. A marker behind the full stop belongs to the sentence before it."""
    spans: list[tuple[int, int]] = []
    for start, end in find_sentences(answer):
        markers = _MARKERS.match(answer, start, end) if spans else None
        if markers:
            spans[-1] = (spans[-1][0], markers.end())
        if text := answer[markers.end() if markers else start : end].lstrip():
            spans.append((end - len(text), end))
    sentences = [_to_sentence(answer, start, end) for start, end in spans]
    return [
        replace(sentence, is_claim=False) if _RULE.fullmatch(below.text) else sentence
        for sentence, below in pairwise(sentences)
    ] + sentences[-1:]


def cited_numbers(text: str) -> Sequence[int]:
    """Return the numbers of the markers in a text, each once, in order."""
    return list(dict.fromkeys(int(number) for number in _MARKER.findall(text)))


def cite(sentence: str, number: int) -> str:
    """Return a sentence with one marker in place of its own ones, or at its end."""
    markers = _MARKERS.search(sentence)
    if not markers:
        return f"{sentence} [{number}]"
    return f"{sentence[: markers.start()]} [{number}]{_MARKERS.sub('', sentence[markers.end() :])}"


def _to_sentence(answer: str, start: int, end: int) -> Sentence:
    marked = answer[start:end]
    text = _LABEL.sub("", _MARKERS.sub("", marked)).strip()
    return Sentence(start=start, end=end, text=text, cited=tuple(cited_numbers(marked)), is_claim=_is_claim(text))


def _is_claim(text: str) -> bool:
    if text.startswith("#") or text[-1:] in QUESTION_MARKS or text.endswith(":"):
        return False
    refuses = _REFUSAL.search(text) and not _TURN.search(text)
    return bool(content_stems(text) - _ASSENT) and not refuses
