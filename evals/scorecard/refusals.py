"""The rules by which a refusal, and an answer that says that it is unsure, are recognised in plain text.

A service that says so in a field is believed. Of any other service the beginning of the text decides. It refuses if it
says there that it does not know, cannot answer, or found nothing, or that the documents do not say. It is unsure if it
begins with "I am not sure", or says there that the answer may be wrong or may not answer. "This" stands for the answer
only at the beginning of the text.
"""

import re

from evals.scorecard.asking import Reply

# A refusal comes first. A phrase further down qualifies an answer.
_OPENING = 200
_MATERIAL = (
    r"(?:documents?|documentation|passages?|context|sources?|texts?|excerpts?|information|manuals?|knowledge base)"
)
_SAYS = r"(?:say|tell|hold|contain|mention|provide|answer|include|cover|specify|describe|explain|give|have|address)"
_NOT = r"(?:do not|does not|did not|don't|doesn't|didn't)"
# The material as a whole. "A document that does not contain text" is a statement about documents.
_THE = r"(?:the|these|those|this|your|my|our|any of the|none of the)\s+(?:\w+\s+){0,2}?"
_REFUSAL = re.compile(
    "|".join(
        [
            rf"\b{_THE}{_MATERIAL}\s+(?:\w+\s+){{0,3}}?{_NOT}\s+(?:\w+\s+){{0,2}}?{_SAYS}\b",
            rf"\bnone of (?:the|these) (?:\w+\s+)?{_MATERIAL}\s+{_SAYS}s?\b",
            rf"\b(?:no|not enough|insufficient)\s+(?:\w+\s+){{0,2}}?{_MATERIAL}\s+(?:\w+\s+){{0,2}}?"
            r"(?:found|available|provided|given|about|on|to answer)\b",
            rf"\bnot\s+(?:\w+\s+){{0,1}}?(?:mentioned|specified|stated|provided|covered|found|described|contained|given)"
            rf"\s+(?:in|by)\s+{_THE}{_MATERIAL}\b",
            r"\b(?:i|we)\s+(?:\w+\s+){0,2}?(?:do not|don't|did not|didn't)\s+(?:\w+\s+)?(?:know|find|have)\b",
            r"\b(?:i|we)(?:'m| am|'re| are)?\s+(?:\w+\s+){0,2}?(?:cannot|can't|can not|could not|couldn't|unable to|"
            r"not able to)\s+(?:\w+\s+){0,2}?(?:find|answer|determine|say|tell|help)\b",
            r"\b(?:nothing|no answer|no results?)\s+(?:\w+\s+){0,2}?(?:was|were|could be)?\s*found\b",
            r"\b(?:cannot|can't|can not|could not) be (?:answered|determined)\b",
        ]
    ),
    re.IGNORECASE,
)


# "This may be wrong" after other words, and "it may be wrong", are usually about what the documents describe.
_ANSWER = r"(?:^(?:this|these|the following)|\b(?:the|my|this) answer)"
_HEDGE = re.compile(
    r"^(?:i|we)(?:'m| am|'re| are) not (?:\w+ )?(?:sure|certain|confident)\b|^not (?:\w+ )?(?:sure|certain)\b"
    rf"|{_ANSWER} (?:may|might) (?:not (?:\w+ )?answer|(?:not )?be (?:\w+ )?"
    r"(?:wrong|incorrect|inaccurate|incomplete|right|correct|relevant|(?:what|the answer)\b))",
    re.IGNORECASE,
)


def is_refusal(reply: Reply, wording: re.Pattern[str] | None = None) -> bool:
    """Return whether the service refused to answer. `wording` recognises refusals of a service with its own words."""
    if reply.declined is not None:
        return reply.declined
    opening = _opening_of(reply)
    return bool(_REFUSAL.search(opening) or (wording and wording.search(opening)))


def is_hedge(reply: Reply) -> bool:
    """Return whether the service says first that its answer may not be right."""
    return bool(_HEDGE.search(_opening_of(reply))) if reply.unsure is None else reply.unsure


def _opening_of(reply: Reply) -> str:
    return reply.text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip()[:_OPENING]
