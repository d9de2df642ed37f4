"""Read the format codes of spreadsheets, such as `0.00;[Red]-0.00`, as sections of tokens."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|(?P<space>_.|\*.)|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]'
    r"|\[(?P<condition>[<>=]+-?[\d.]+)\]|\[(?P<elapsed>h+|m+|s+)\]|\[[^\]]*\]|(?P<general>General)"
    r"|(?P<half>AM/PM|A/P)|(?P<exponent>E[+-])|(?P<date>y+|m+|d+|h+|s+|e+)|(?P<digit>[0#?])|(?P<mark>[.,%/@])"
    r"|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_MAX_CODE_CHARACTERS = 400

Kind = Literal["date", "number", "fraction", "text", "general"]
Token = tuple[str, str]
"""The kind of the token, and its text."""


@dataclass(frozen=True, slots=True)
class Section:
    """The format of some numbers: the negative ones, for example."""

    tokens: tuple[Token, ...]
    condition: str
    kind: Kind


@lru_cache(maxsize=1_000)
def sections_of(code: str) -> tuple[Section, ...]:
    """Return the at most four sections of a format code."""
    sections: list[list[Token]] = [[]]
    for match in _TOKEN.finditer(code[:_MAX_CODE_CHARACTERS]):
        kind = match.lastgroup or ""
        if kind == "other" and match[0] == ";":
            sections.append([])
        elif kind:
            sections[-1].append((kind, match[kind]))
    return tuple(map(_section_of, sections[:4]))


def _section_of(tokens: Sequence[Token]) -> Section:
    condition = next((text for kind, text in tokens if kind == "condition"), "")
    kinds = {kind for kind, _ in tokens}
    marks = {text for kind, text in tokens if kind == "mark"}
    kind: Kind
    if kinds & {"date", "elapsed", "half"} and "exponent" not in kinds and not (kinds & {"general"}):
        kind = "date"
    elif "@" in marks:
        kind = "text"
    elif "general" in kinds:
        kind = "general"
    else:
        kind = "fraction" if "/" in marks and "digit" in kinds else "number"
    kept = tuple([token for token in tokens if token[0] != "condition"])
    return Section(tokens=_with_minutes(kept) if kind == "date" else kept, condition=condition, kind=kind)


def literal(kind: str, text: str) -> str:
    """Return what the token shows without a number."""
    match kind:
        case "space":
            return " "
        case "quoted" | "escaped" | "currency" | "other" | "date" | "half":
            return text
        case "mark" if text in "%/":
            return text
        case _:
            return ""


def _with_minutes(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Return the tokens of a date, with `m` replaced where it means minutes: after hours or before seconds."""
    times = [index for index, (kind, _) in enumerate(tokens) if kind in {"date", "elapsed"}]
    result = list(tokens)
    for position, index in enumerate(times):
        kind, text = tokens[index]
        before = tokens[times[position - 1]][1].lower() if position else ""
        after = tokens[times[position + 1]][1].lower() if position + 1 < len(times) else ""
        if kind == "date" and text[0] in "mM" and len(text) < 3 and (before[:1] == "h" or after[:1] == "s"):
            result[index] = ("minutes", text)
    return tuple(result)
