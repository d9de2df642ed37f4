"""Show dates, times and durations as a spreadsheet does."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ingest.parsing.ooxml.number_tokens import Section, Token, literal

# The last day is 9999-12-31.
_MAX_DAYS = 2_958_466
_LEAP_DAY_THAT_NEVER_WAS = 60
_DAYS_1904 = 1_462
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def show_date(section: Section, value: float, is_1904: bool) -> str:
    """Return the day number as a date, or "" if it is not one. Some files count their days from 1904."""
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
                pieces.append(literal(kind, text))
    return "".join(pieces)


def _fraction_digits(tokens: Sequence[Token]) -> int:
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
