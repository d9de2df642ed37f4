"""Write list numbers as office programs do: decimal, roman, letters, words, and the numerals of other scripts."""

from collections.abc import Callable, Mapping

_ROMAN = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL")),
    *((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)
# Word stops here as well.
_MAX_ROMAN = 32_767
_MAX_REPEATED_LETTERS = 30
_UNITS = (
    *("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"),
    *("Thirteen", "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen"),
)
_TENS = ("", "", "Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety")
_ORDINALS = {
    "One": "First",
    "Two": "Second",
    "Three": "Third",
    "Five": "Fifth",
    "Eight": "Eighth",
    "Nine": "Ninth",
    "Twelve": "Twelfth",
}
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
_CHINESE = "零一二三四五六七八九"


def numeral(value: int, kind: str) -> str:
    """Return the number in the format that OOXML calls `kind`; unknown formats are decimal."""
    return _FORMATS.get(kind, str)(value)


def roman(value: int) -> str:
    if not 0 < value <= _MAX_ROMAN:
        return str(value)
    digits = ""
    for size, letters in _ROMAN:
        count, value = divmod(value, size)
        digits += letters * count
    return digits


def _letters(value: int, alphabet: str) -> str:
    """Return a, b, …, z, aa, bb, …, as Word counts."""
    repeats, index = divmod(value - 1, len(alphabet))
    return alphabet[index] * (repeats + 1) if 0 <= repeats < _MAX_REPEATED_LETTERS else str(value)


def _ending(value: int) -> str:
    return "th" if value % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")


def _words(value: int) -> str:
    if not 0 <= value < 100:
        return str(value)
    if value < 20:
        return _UNITS[value]
    return _TENS[value // 10] + (f"-{_UNITS[value % 10].lower()}" if value % 10 else "")


def _ordinal(words: str) -> str:
    if words.isdigit():
        return f"{words}{_ending(int(words))}"
    tens, dash, unit = words.rpartition("-")
    name = unit.capitalize()
    changed = _ORDINALS.get(name) or (f"{name[:-1]}ieth" if name.endswith("y") else f"{name}th")
    return f"{tens}{dash}{changed.lower()}" if dash else changed


def _chinese(value: int) -> str:
    if not 0 <= value < 100:
        return str(value)
    tens, unit = divmod(value, 10)
    if not tens:
        return _CHINESE[unit]
    return (_CHINESE[tens] if tens > 1 else "") + "十" + (_CHINESE[unit] if unit else "")


def _circled(value: int) -> str:
    return chr(0x245F + value) if 1 <= value <= 20 else str(value)


_FORMATS: Mapping[str, Callable[[int], str]] = {
    "none": lambda _: "",
    "bullet": lambda _: "",
    "decimalZero": lambda value: f"{value:02}",
    "upperRoman": roman,
    "lowerRoman": lambda value: roman(value).lower(),
    "upperLetter": lambda value: _letters(value, _LATIN).upper(),
    "lowerLetter": lambda value: _letters(value, _LATIN),
    "russianUpper": lambda value: _letters(value, _RUSSIAN).upper(),
    "russianLower": lambda value: _letters(value, _RUSSIAN),
    "ordinal": lambda value: f"{value}{_ending(value)}",
    "cardinalText": _words,
    "ordinalText": lambda value: _ordinal(_words(value)),
    "numberInDash": lambda value: f"- {value} -",
    "decimalEnclosedCircle": _circled,
    "decimalEnclosedCircleChinese": _circled,
    "hex": lambda value: f"{value:X}",
    "chineseCounting": _chinese,
    "chineseCountingThousand": _chinese,
    "japaneseCounting": _chinese,
    "taiwaneseCounting": _chinese,
    "taiwaneseCountingThousand": _chinese,
    "ea1ChsPlain": _chinese,
    "ea1ChtPlain": _chinese,
    "ea1JpnKorPlain": _chinese,
}
