"""English wording that tells what a sentence does. In other languages the remaining signals decide."""

import re
from typing import Final


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


DEFINES: Final = r"""
    \W{0,4} (?: \([^)]*\) \W{0,4} )?
    (?: is | are | was | were | means? | refers?\ to | stands?\ for | describes? | denotes? | sets? | controls?
      | returns? | contains? | defines? | consists?\ of | allows? | lets | enables? | configures? | specif(?:y|ies)
      | represents? | determines? | limits? | tells? | takes? | holds? | shows? | provides? | makes? | receives?
      | handles? | enforces? | counts? | measures? | stores? | keeps?
      | \u2013 | \u2014 | [:=] ) (?=\W)"""
"""What follows a term that a sentence defines."""

_DEPENDENT: Final = _pattern(
    r"""^ (?: it | its | they | them | their | he | she | his | her | this | that | these | those | such | then | also
      | however | otherwise | so | but | and | or | both | instead | therefore | for\ (?:example|instance)
      | in\ (?:this|that)\ case | here | there | by\ default ) \b"""
)
_PRONOUN: Final = _pattern(r"^ (?: it | they | he | she | this | these | both ) \b")
# A longer sentence says itself what it is about.
_SHORT: Final = 100
_REFERS_BACK: Final = _pattern(
    r"""^all\ of\ (?:this|these|them)\b
    | \b(?:this|these|such\ an?|the\ (?:above|former|latter))\ (?!page|section|guide|document)\w"""
)
NUMBER: Final = _pattern(
    r"""\d | \b (?: one | two | three | four | five | six | seven | eight | nine | ten | hundred | thousand | million
      | once | twice | daily | weekly | monthly | every ) \b"""
)
REASON: Final = _pattern(
    r"""\b (?: because | since | so\ that | in\ order\ to | otherwise | therefore | due\ to | reasons? | avoid | thus
      | would | prevents? | that's\ why | so\ you | to\ make\ sure ) \b | ,\ (?: as | so )\ """
)
GIVES_REASON: Final = _pattern(
    r"""^ \W* (?: (?:the|one|this|that) \W+ (?:\w+\W+)? reasons? | because | otherwise | that's\ why
      | this\ is\ (?:usually\ )?because ) \b"""
)
"""A paragraph that gives the reason for the one before it."""
_ANNOUNCES: Final = _pattern(r":\W*$ | \b(?:following|as\ follows|listed\ below|these\ are|such\ as:)\b")
UNITS: Final = {
    "time": _pattern(
        r"""\b(?:\d[\d.,]*[\s-]?|(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|every|once\ an?)[\s-])
        (?:ms|milli|micro|s|sec|second|min|minute|h|hour|d|day|week|month|quarter|year|decade)s?\b
        |\b(?:hourly|daily|weekly|monthly|yearly|annually|never|always|immediately|forever)\b"""
    ),
    "size": _pattern(r"\b\d[\d.,]*\s?(?:[kmgt]i?b|bytes|kilobytes|megabytes|gigabytes|characters|tokens|pages|m|km)\b"),
    "count": NUMBER,
}
"""What a value looks like, by the measure of a question for a number."""
COMPARES: Final = _pattern(
    r"\b(?:than|whereas|while|unlike|instead|but|both|only|differs?|differen(?:t|ce)|contrast|compared|more|less|rather"
    r"|advantages?|disadvantages?|prefer(?:red)?|better|benefits?)\b"
)
SAYS_YES_OR_NO: Final = _pattern(
    r"""^\W*(?:yes|no)\b | \b(?:not|never|cannot|can't|don't|doesn't|isn't|aren't|won't|without|neither|nor|only|must
    |may|always|need|needs|required|possible|supports?|supported|allowed|recommended|no)\b"""
)
IMPERATIVE: Final = _pattern(
    r"""^ (?: \W+ | \d+[.)]\  | to\ [\w\s,]{3,40},\  | (?:then|now|first|next),?\  | you\ (?:can|could|need\ to|have\ to
      |should|must)\  )*
    (?: use | run | set | add | create | call | import | install | declare | pass | open | start | put | write | define
      | make | return | send | include | configure | enable | choose | select | click | copy | edit | go\ to | get
      | remove | delete | change | replace | restore | type | enter | specify | export | mount | keep | fix ) \b"""
)
COMMAND: Final = re.compile(r"^\s*(?:\$|#|>>>|curl|pip|make|python|sudo|docker|kubectl)\s", re.MULTILINE)

CHANGES: Final = _pattern(r"release\ notes | change\ ?log | what'?s\ new | history | \bnews\b | \b\d+\.\d+\.\d+\b")
"""Headings of lists of changes, which mention everything and explain nothing."""
METADATA: Final = _pattern(
    r"""^\W*(?:status|date|author|version|tags?|see\ also|read|source|code|\w+\ by)\b\W*[:`\d]
    | ^\W*(?:read|see)\s\S*/"""
)
"""Lines about the document, and pointers to another one."""
POINTS: Final = _pattern(
    r"""\b (?: later | next | below | above | following\ (?:page|section|chapter) ) \b .*
        \b (?: see | learn | read | explain(?:s|ed)? | described? ) \b
    | \b you\ (?:will|can|'ll)\ (?:see|learn|read)\b | \b (?:learn|read)\ more\b"""
)
"""Sentences that announce what another section explains."""
REFERENCE: Final = re.compile(r"#\d{2,}|\bPR\b|\bby @")
ASKS_FOR_CHANGES: Final = _pattern(r"\b (?: releases? | introduced | change[ds]? | new | since | history ) \b")


def announces(text: str) -> bool:
    """Return whether a text announces the list, the table or the code after it."""
    return bool(_ANNOUNCES.search(text))


def is_pronominal(text: str) -> bool:
    """Return whether the subject of a sentence is a pronoun."""
    return bool(_PRONOUN.match(text))


def refers_back(text: str) -> bool:
    """Return whether a sentence needs the one before it, as a short one with a pronoun: "The suite uses this type"."""
    return is_dependent(text) or (len(text) <= _SHORT and bool(_REFERS_BACK.search(text)))


def is_dependent(text: str) -> bool:
    """Return whether a sentence needs the one before it, because it begins with a pronoun or a connective."""
    return bool(_DEPENDENT.match(text))
