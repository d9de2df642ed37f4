"""Write the meaning of inline HTML elements as text: raised and lowered characters, addresses, dates, numbers."""

import re
from collections.abc import Mapping
from urllib.parse import unquote, urljoin, urlsplit

from ingest.parsing.numerals import roman
from ingest.parsing.tables.row import column_letters

_ORDINALS = {"st", "nd", "rd", "th", "er", "re", "e", "es", "ère", "ème", "o", "os", "as", "º", "ª", "me"}
_SIGNS = {"tm": "™", "sm": "℠"}
_SYMBOLS = re.compile(r"[*†‡§¶®™℠°\u2032\u2033'\"]+")
_NOTE_MARK = re.compile(r"\[?\(?(?:\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*|[a-z])\)?\]?")
_SIMPLE = re.compile(r"[-+\u2212]?[\w.]+|[-+\u2212]")
_CHARGE = re.compile(r"\d*[+\u2212-]")
_BASE = re.compile(r"(?:[\d.,]*\d|[^\W\d_]+|[)\]}|])\Z")
# Bases of powers in text. Any other number with a raised number is more often followed by the mark of a footnote.
_POWER_BASES = {"10", "2"}
_LONG_UNITS = {"min", "sec", "mol", "inch", "foot", "feet", "mile", "miles", "yard", "meter", "metre", "metres"}
_FUNCTIONS = {"sin", "cos", "tan", "log", "exp", "var"}
_OPERATOR = re.compile(r"\s*[=+\u00d7·÷/<>≤≥≈^)\u2212]")
_OPERATOR_BEFORE = re.compile(r"[=+\u00d7·÷/<>≤≥≈^(\u2212]\s*[\d.,]*\Z")
_CHEMICAL = re.compile(r"(?:[A-Z][A-Za-z]*|[)\]])\Z")

_CONTACTS = ("tel", "mailto", "sms", "callto", "fax", "xmpp", "sip")
_DOWNLOADS = re.compile(
    r"\.(?:pdf|zip|gz|tgz|bz2|xz|7z|rar|tar|docx?|xlsx?|pptx?|od[tsp]|rtf|csv|tsv|epub|mobi|exe|msi|dmg|pkg|deb|rpm|apk"
    r"|iso|whl|jar|ics|vcf|json|xml|gpx|kml|stl|mp3|mp4)\Z",
    re.IGNORECASE,
)
_MAX_ADDRESS_CHARACTERS = 300
_DATE = re.compile(r"(\d{4})-\d\d(?:-\d\d)?(?:[T ]\d\d:\d\d)?")


def raised(inner: str, before: str, after: str, *, is_link: bool) -> str:
    """Return the text of a superscript: a power as `^6`, the mark of a footnote in brackets.

    `before` and `after` are the text around it, and `is_link` says that it refers to something else.
    """
    text = inner.strip()
    if not text or _SYMBOLS.fullmatch(text) or text.lower() in _ORDINALS:
        return text
    if text.lower() in _SIGNS:
        return _SIGNS[text.lower()]
    is_mark = _NOTE_MARK.fullmatch(text) and (is_link or text[0] in "[(" or _is_note_mark(text, before, after))
    if is_mark or (is_link and text[0] == "["):
        return note_mark(text, before)
    return f"^{_grouped(text)}"


def note_mark(text: str, before: str) -> str:
    """Return the mark of a footnote so that it is not part of the word or number before it."""
    return f"{' ' if before[-1:].strip() else ''}[{text.strip('[]()')}]"


def lowered(inner: str, before: str) -> str:
    """Return the text of a subscript: `H2O` as it is, the index of a variable as `x_1`."""
    text = inner.strip()
    if not text:
        return ""
    is_formula = text.isdigit() and _CHEMICAL.search(before)
    return text if is_formula else f"_{_grouped(text)}"


def address_beside(text: str, attributes: Mapping[str, str | None], base: str) -> str:
    """Return the address of a link if a reader needs it, such as a telephone number or a file; "" otherwise."""
    target = (attributes.get("href") or "").strip()
    scheme, _, rest = target.partition(":")
    if scheme.lower() in _CONTACTS:
        address = unquote(rest.partition("?")[0]).strip().removeprefix("//")
        return "" if not address or _squeezed(address) in _squeezed(text) else address[:_MAX_ADDRESS_CHARACTERS]
    if target.startswith(("#", "javascript:", "data:")) or not target:
        return ""
    if "download" not in attributes and not is_document(target):
        return ""
    address = resolved(target, base)
    return "" if address in text or len(address) > _MAX_ADDRESS_CHARACTERS else address


def resolved(target: str, base: str) -> str:
    """Return the address as one that works outside the page."""
    try:
        return urljoin(base, target) if base.startswith(("http:", "https:")) else target
    except ValueError:
        return target


def is_document(address: str) -> bool:
    return bool(_DOWNLOADS.search(_path_of(address)))


def date_beside(text: str, machine_readable: str) -> str:
    """Return the date of a `time` element if its text does not contain the year."""
    date = _DATE.match(machine_readable.strip())
    return "" if date is None or date[1] in text else date[0].replace("T", " ")


def numbered(number: int, style: str) -> str:
    """Return a list number in the style of the attribute `type`: 1, a, A, i or I."""
    if style in {"a", "A"} and number > 0:
        letters = column_letters(number - 1)
        return letters if style == "A" else letters.lower()
    if style in {"i", "I"} and 0 < number < 4_000:
        digits = roman(number)
        return digits if style == "I" else digits.lower()
    return str(number)


def _is_note_mark(text: str, before: str, after: str) -> bool:
    base = _BASE.search(before)
    if base is None:
        # The mass number of 14C comes before a letter.
        return not after[:1].isalpha()
    word = base[0]
    if not word[-1].isalnum():
        return "," in text or text == "1"
    if word[-1].isdigit():
        is_power = (word in _POWER_BASES and text != "1") or _OPERATOR.match(after) or _OPERATOR_BEFORE.search(before)
        return "," in text or (text.isalpha() and text not in "nkmxyijpq") or not is_power
    if text.isalpha():
        return len(word) > 2
    return "," in text or text == "1" or (len(word) > 2 and word.lower() not in _LONG_UNITS | _FUNCTIONS)


def _grouped(text: str) -> str:
    return text if _SIMPLE.fullmatch(text) or _CHARGE.fullmatch(text) else f"({text})"


def _squeezed(text: str) -> str:
    return re.sub(r"[\s().+/-]", "", text).lower()


def _path_of(target: str) -> str:
    try:
        return urlsplit(target).path
    except ValueError:
        return ""
