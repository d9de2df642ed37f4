"""Show numbers as a spreadsheet does: by the format code of their cell, such as `#,##0.00 "EUR"`."""

import re
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from operator import eq, ge, gt, le, lt, ne

from ingest.parsing.ooxml.number_dates import show_date
from ingest.parsing.ooxml.number_tokens import Kind, Section, Token, literal, sections_of

# Binary fractions such as 0.30000000000000004 have one digit more.
_SIGNIFICANT_DIGITS = 15
_MAX_DECIMALS = 30
# The largest float has 309 digits.
_EXACT = Context(prec=400)
_SIGN_APART = re.compile(r"^- (?=[\d.])")
_COMPARISONS = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq}


def display(value: float, code: str, *, is_1904: bool = False) -> str:
    """Return the number as the format code shows it; a code that hides a number shows it plainly."""
    sections = sections_of(code)
    section, shown = _choose(sections, value)
    text = _SHOWN[section.kind](section, shown, is_1904) if section else ""
    # Accounting formats fill the space between the sign and the number.
    return _SIGN_APART.sub("-", " ".join(text.split())) or plain(value)


def display_text(text: str, code: str) -> str:
    """Return a text as the format code shows it."""
    section = next((section for section in sections_of(code) if section.kind == "text"), None)
    if section is None or len(section.tokens) < 2:
        return text
    return "".join(text if kind == "mark" and part == "@" else literal(kind, part) for kind, part in section.tokens)


def plain(value: float) -> str:
    """Return the number without a format: no exponent unless it is very large or very small."""
    text = f"{value:.{_SIGNIFICANT_DIGITS}g}"
    return f"{Decimal(text):f}" if "e" in text and 1e-9 < abs(value) < 1e21 else text.upper()


def _choose(sections: Sequence[Section], value: float) -> tuple[Section | None, float]:
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


def _show_general(section: Section, value: float, _is_1904: bool) -> str:
    return "".join(plain(value) if kind == "general" else literal(kind, text) for kind, text in section.tokens)


def _show_text(section: Section, value: float, _is_1904: bool) -> str:
    return "".join(plain(value) if text == "@" else literal(kind, text) for kind, text in section.tokens)


def _show_number(section: Section, value: float, _is_1904: bool) -> str:
    tokens = section.tokens
    digits = [index for index, (kind, _) in enumerate(tokens) if kind == "digit"]
    if not digits:
        return "".join(literal(kind, text) for kind, text in tokens)
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


def _placed(tokens: Sequence[Token], whole: str, has_groups: bool) -> str:
    """Return the literal text of the tokens with the digits of an integer at their places, from the right."""
    places = sum(kind == "digit" for kind, _ in tokens)
    pieces: list[str] = []
    taken = 0
    for kind, text in reversed(tokens):
        if kind != "digit":
            pieces.append(literal(kind, text))
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


def _decimals(tokens: Sequence[Token], digits: str) -> str:
    needed = len(digits.rstrip("0"))
    pieces, index = [], 0
    for kind, text in tokens:
        if kind == "digit":
            pieces.append(digits[index] if index < needed or text == "0" else "")
            index += 1
        elif (kind, text) == ("mark", "."):
            pieces.append(".")
        else:
            pieces.append(literal(kind, text))
    return "".join(pieces)


def _show_fraction(section: Section, value: float, _is_1904: bool) -> str:
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
    prefix = "".join(literal(kind, text) for kind, text in tokens[:first])
    shown = " ".join(([str(whole)] if whole or not rest else []) + ([f"{rest}/{denominator}"] if rest else []))
    return f"{'-' if value < 0 and numerator else ''}{prefix}{shown}"


_SHOWN: dict[Kind, Callable[[Section, float, bool], str]] = {
    "date": show_date,
    "number": _show_number,
    "fraction": _show_fraction,
    "text": _show_text,
    "general": _show_general,
}
