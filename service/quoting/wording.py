"""English wording that tells what a sentence does. In other languages the remaining signals decide."""

import re
from typing import Final


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


DEFINES: Final = r"""
    \W{0,4} (?: \([^)]*\) \W{0,4} )?
    (?: is | are | was | were | means? | refers?\ to | stands?\ for | describes? | denotes? | sets? | controls?
      | returns? | contains? | defines? | consists?\ of | allows? | lets | enables? | \u2013 | \u2014 | [:=] ) (?=\W)"""
"""What follows a term that a sentence defines."""

_DEPENDENT: Final = _pattern(
    r"""^ (?: it | its | they | them | their | he | she | his | her | this | that | these | those | such | then | also
      | however | otherwise | so | but | and | or | both | instead | therefore | for\ (?:example|instance)
      | in\ (?:this|that)\ case | here | there | by\ default ) \b"""
)
NUMBER: Final = _pattern(
    r"""\d | \b (?: one | two | three | four | five | six | seven | eight | nine | ten | hundred | thousand | million
      | once | twice | daily | weekly | monthly | every ) \b"""
)
REASON: Final = _pattern(
    r"\b (?: because | since | so\ that | in\ order\ to | otherwise | therefore | due\ to | reason | avoid ) \b"
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
REFERENCE: Final = re.compile(r"#\d{2,}|\bPR\b|\bby @")
ASKS_FOR_CHANGES: Final = _pattern(r"\b (?: versions? | releases? | change[ds]? | new | since | history ) \b")


def is_dependent(text: str) -> bool:
    """Return whether a sentence needs the one before it, because it begins with a pronoun or a connective."""
    return bool(_DEPENDENT.match(text))
