"""Show numbers as a spreadsheet does: by the format code of their cell, such as `#,##0.00 "EUR"`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Final

# The formats that files name by number alone. Short dates (14, 22) follow the reader's country, so they are ISO dates.
BUILTIN_FORMATS: Final = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: "$#,##0;-$#,##0",
    6: "$#,##0;-$#,##0",
    7: "$#,##0.00;-$#,##0.00",
    8: "$#,##0.00;-$#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm",
    37: "#,##0;(#,##0)",
    38: "#,##0;(#,##0)",
    39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)",
    41: "#,##0",
    42: "$#,##0",
    43: "#,##0.00",
    44: "$#,##0.00",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
}
# Countries of East Asia have numbers of their own for dates and times.
BUILTIN_FORMATS.update(dict.fromkeys((*range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"))
BUILTIN_FORMATS.update(dict.fromkeys((*range(32, 36), 55, 56), "h:mm:ss"))

_TOKEN: Final = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|(?P<space>_.|\*.)|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]'
    r"|\[(?P<condition>[<>=]+-?[\d.]+)\]|\[(?P<elapsed>h+|m+|s+)\]|\[[^\]]*\]|(?P<general>General)"
    r"|(?P<half>AM/PM|A/P)|(?P<exponent>E[+-])|(?P<date>y+|m+|d+|h+|s+|e+)|(?P<digit>[0#?])|(?P<mark>[.,%/@])"
    r"|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_MAX_CODE_CHARACTERS: Final = 400
# Excel's last day is 9999-12-31.
_MAX_DAYS: Final = 2_958_466
_LEAP_DAY_THAT_NEVER_WAS: Final = 60
_DAYS_1904: Final = 1_462
# Binary fractions such as 0.30000000000000004 have one digit more.
_SIGNIFICANT_DIGITS: Final = 15
_MAX_DECIMALS: Final = 30
# The largest float has 309 digits.
_EXACT: Final = Context(prec=400)
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_COMPARISONS: Final = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq}

_Token = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Section:
    tokens: tuple[_Token, ...]
    condition: str
    kind: str
    """One of date, number, fraction, text, general."""


def display(value: float, code: str, *, is_1904: bool = False) -> str:
    """Return the number as the format code shows it; a code that hides a number shows it plainly."""
    sections = _sections_of(code[:_MAX_CODE_CHARACTERS])
    section, shown = _choose(sections, value)
    text = _SHOWN[section.kind](section, shown, is_1904) if section else ""
    return " ".join(text.split()) or plain(value)


def display_text(text: str, code: str) -> str:
    """Return a text as the format code shows it."""
    section = next((section for section in _sections_of(code[:_MAX_CODE_CHARACTERS]) if section.kind == "text"), None)
    if section is None or len(section.tokens) < 2:
        return text
    return "".join(text if kind == "mark" and part == "@" else _literal(kind, part) for kind, part in section.tokens)


def plain(value: float) -> str:
    """Return the number without a format: no exponent unless it is very large or very small."""
    text = f"{value:.{_SIGNIFICANT_DIGITS}g}"
    return f"{Decimal(text):f}" if "e" in text and 1e-9 < abs(value) < 1e21 else text.upper()


@lru_cache(maxsize=1_000)
def _sections_of(code: str) -> tuple[_Section, ...]:
    sections: list[list[_Token]] = [[]]
    for match in _TOKEN.finditer(code):
        kind = match.lastgroup or ""
        if kind == "other" and match[0] == ";":
            sections.append([])
        elif kind:
            sections[-1].append((kind, match[kind]))
    return tuple(map(_section_of, sections[:4]))


def _section_of(tokens: Sequence[_Token]) -> _Section:
    condition = next((text for kind, text in tokens if kind == "condition"), "")
    kinds = {kind for kind, _ in tokens}
    marks = {text for kind, text in tokens if kind == "mark"}
    if kinds & {"date", "elapsed", "half"} and "exponent" not in kinds and not (kinds & {"general"}):
        kind = "date"
    elif "@" in marks:
        kind = "text"
    elif "general" in kinds:
        kind = "general"
    else:
        kind = "fraction" if "/" in marks and "digit" in kinds else "number"
    kept = tuple([token for token in tokens if token[0] != "condition"])
    return _Section(tokens=_with_minutes(kept) if kind == "date" else kept, condition=condition, kind=kind)


def _choose(sections: Sequence[_Section], value: float) -> tuple[_Section | None, float]:
    """Return the section for the value, and the value to show: a section for negative numbers has its own sign."""
    numeric = [section for section in sections if section.kind != "text"] or list(sections[:1])
    if any(section.condition for section in numeric):
        for section in numeric:
            if not section.condition or _holds(section.condition, value):
                return section, abs(value) if section is not numeric[0] and value < 0 else value
        return None, value
    if value < 0 and len(numeric) > 1:
        return numeric[1], -value
    if value == 0 and len(numeric) > 2:
        return numeric[2], value
    return (numeric[0] if numeric else None), value


def _holds(condition: str, value: float) -> bool:
    operator = condition.rstrip("0123456789.-")
    try:
        return bool(_COMPARISONS.get(operator, ne)(value, float(condition[len(operator) :])))
    except ValueError:
        return False


def _literal(kind: str, text: str) -> str:
    match kind:
        case "space":
            return " "
        case "quoted" | "escaped" | "currency" | "other" | "date" | "half":
            return text
        case "mark" if text in "%/":
            return text
        case _:
            return ""


def _show_general(section: _Section, value: float, _is_1904: bool) -> str:
    return "".join(plain(value) if kind == "general" else _literal(kind, text) for kind, text in section.tokens)


def _show_text(section: _Section, value: float, _is_1904: bool) -> str:
    return "".join(plain(value) if text == "@" else _literal(kind, text) for kind, text in section.tokens)


def _show_number(section: _Section, value: float, _is_1904: bool) -> str:
    tokens = section.tokens
    digits = [index for index, (kind, _) in enumerate(tokens) if kind == "digit"]
    if not digits:
        return "".join(_literal(kind, text) for kind, text in tokens)
    exponent = next((index for index, (kind, _) in enumerate(tokens) if kind == "exponent"), None)
    before = tokens[:exponent] if exponent is not None else tokens
    point = next((index for index, token in enumerate(before) if token == ("mark", ".")), len(before))
    decimals = sum(kind == "digit" for kind, _ in before[point:])
    last = max((index for index in digits if index < len(before)), default=0)
    scale = sum(1 for token in before[last + 1 :] if token == ("mark", ",")) if exponent is None else 0
    number = Decimal(repr(abs(value))) * 100 ** sum(token == ("mark", "%") for token in tokens) / 1000**scale
    power = 0
    if exponent is not None and number:
        power = number.adjusted()
        number = number.scaleb(-power)
    rounded = number.quantize(Decimal(1).scaleb(-min(decimals, _MAX_DECIMALS)), ROUND_HALF_UP, _EXACT)
    if exponent is not None and rounded >= 10:
        power, rounded = power + 1, rounded / 10
    whole, _, fraction = f"{rounded:f}".partition(".")
    has_groups = any(token == ("mark", ",") for token in before[digits[0] : last])
    text = _placed(before[:point], whole.lstrip("0"), has_groups)
    text += _decimals(before[point:], fraction[:decimals])
    if exponent is not None:
        sign = "-" if power < 0 else "+" if tokens[exponent][1].endswith("+") else ""
        text += f"E{sign}" + _placed(tokens[exponent + 1 :], str(abs(power)) if power else "", False)
    return f"-{text}" if value < 0 and rounded else text


def _placed(tokens: Sequence[_Token], whole: str, has_groups: bool) -> str:
    """Return the literal text of the tokens with the digits of an integer at their places, from the right."""
    places = sum(kind == "digit" for kind, _ in tokens)
    pieces: list[str] = []
    taken = 0
    for kind, text in reversed(tokens):
        if kind != "digit":
            pieces.append(_literal(kind, text))
            continue
        places -= 1
        # The leftmost place takes all digits that are left.
        count = max(1, len(whole) - taken) if places == 0 else 1
        for _ in range(count):
            digit = whole[-1 - taken] if taken < len(whole) else {"0": "0", "?": " "}.get(text, "")
            if digit.strip() and has_groups and taken and taken % 3 == 0:
                pieces.append(",")
            pieces.append(digit)
            taken += 1
    return "".join(reversed(pieces))


def _decimals(tokens: Sequence[_Token], digits: str) -> str:
    needed = len(digits.rstrip("0"))
    pieces, index = [], 0
    for kind, text in tokens:
        if kind == "digit":
            pieces.append(digits[index] if index < needed or text == "0" else "")
            index += 1
        elif (kind, text) == ("mark", "."):
            pieces.append(".")
        else:
            pieces.append(_literal(kind, text))
    return "".join(pieces)


def _show_fraction(section: _Section, value: float, _is_1904: bool) -> str:
    """Show a mixed number such as 1 1/2; the format fixes the denominator or the number of its digits."""
    tokens = section.tokens
    slash = tokens.index(("mark", "/"))
    first = next(index for index, (kind, _) in enumerate(tokens) if kind == "digit")
    below = "".join(text for kind, text in tokens[slash + 1 :] if kind in {"digit", "other"}).strip()
    number = Fraction(repr(abs(value)))
    if below.isdigit() and int(below):
        numerator, denominator = round(number * int(below)), int(below)
    else:
        numerator, denominator = number.limit_denominator(10 ** min(len(below), 6) - 1 or 1).as_integer_ratio()
    is_mixed = any(kind != "digit" for kind, _ in tokens[first:slash])
    whole, rest = divmod(numerator, denominator) if is_mixed else (0, numerator)
    prefix = "".join(_literal(kind, text) for kind, text in tokens[:first])
    shown = " ".join(([str(whole)] if whole or not rest else []) + ([f"{rest}/{denominator}"] if rest else []))
    return f"{'-' if value < 0 and numerator else ''}{prefix}{shown}"


def _with_minutes(tokens: Sequence[_Token]) -> tuple[_Token, ...]:
    """Return the tokens of a date with `m` told apart: after hours or before seconds it means minutes."""
    times = [index for index, (kind, _) in enumerate(tokens) if kind in {"date", "elapsed"}]
    result = list(tokens)
    for position, index in enumerate(times):
        kind, text = tokens[index]
        before = tokens[times[position - 1]][1].lower() if position else ""
        after = tokens[times[position + 1]][1].lower() if position + 1 < len(times) else ""
        if kind == "date" and text[0] in "mM" and len(text) < 3 and (before[:1] == "h" or after[:1] == "s"):
            result[index] = ("minutes", text)
    return tuple(result)


def _show_date(section: _Section, value: float, is_1904: bool) -> str:
    days = value + (_DAYS_1904 if is_1904 else 0)
    if not 0 <= days < _MAX_DAYS:
        return ""
    tokens = section.tokens
    fraction_digits = _fraction_digits(tokens)
    # Rounded to the shown precision, or 9:59:59.9999 would lose a second.
    ticks = 10**fraction_digits
    units = round(days * 86_400 * ticks)
    day = units // (86_400 * ticks)
    moment = datetime(1899, 12, 30) + timedelta(days=day + (day < _LEAP_DAY_THAT_NEVER_WAS))
    moment += timedelta(seconds=units // ticks % 86_400)
    has_half = any(kind == "half" for kind, _ in tokens)
    pieces: list[str] = []
    after_point = False
    for kind, text in tokens:
        match kind:
            case "date":
                pieces.append(_date_part(moment, text.lower(), has_half))
            case "minutes":
                pieces.append(f"{moment.minute:0{len(text)}d}")
            case "elapsed":
                seconds = units // ticks
                total = seconds // {"h": 3600, "m": 60, "s": 1}[text[0].lower()]
                pieces.append(f"{total:0{len(text)}d}")
            case "half":
                pieces.append(("AM" if moment.hour < 12 else "PM")[: 1 if len(text) == 3 else 2])
            case "mark" if text == ".":
                after_point = bool(fraction_digits)
                pieces.append(text)
            case "digit" if after_point:
                pieces.append(f"{units % ticks:0{fraction_digits}d}")
                after_point = False
            case "mark" if text in "/,":
                pieces.append(text)
            case _:
                pieces.append(_literal(kind, text))
    return "".join(pieces)


def _fraction_digits(tokens: Sequence[_Token]) -> int:
    digits = 0
    for index, (kind, text) in enumerate(tokens):
        if kind == "digit" and text == "0" and (digits or tokens[index - 1] == ("mark", ".")):
            digits += 1
    return min(digits, 3)


def _date_part(moment: datetime, code: str, has_half: bool) -> str:
    length = len(code)
    match code[0]:
        case "y" | "e":
            return f"{moment.year % 100:02d}" if code[0] == "y" and length < 3 else f"{moment.year}"
        case "m":
            month = _MONTHS[moment.month - 1]
            return month[: {3: 3, 5: 1}.get(length)] if length > 2 else f"{moment.month:0{length}d}"
        case "d":
            weekday = _WEEKDAYS[moment.weekday()]
            return weekday[: 3 if length == 3 else None] if length > 2 else f"{moment.day:0{length}d}"
        case "h":
            hour = (moment.hour % 12 or 12) if has_half else moment.hour
            return f"{hour:0{min(length, 2)}d}"
        case _:
            return f"{moment.second:0{min(length, 2)}d}"


_SHOWN: Final[dict[str, Callable[[_Section, float, bool], str]]] = {
    "date": _show_date,
    "number": _show_number,
    "fraction": _show_fraction,
    "text": _show_text,
    "general": _show_general,
}
