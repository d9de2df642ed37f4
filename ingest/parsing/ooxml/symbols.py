"""Characters of the fonts Symbol and Wingdings, which are not Unicode."""

import re

_SYMBOL = dict(
    zip(
        range(0x20, 0x7F),
        " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼",
        strict=True,
    )
) | dict(
    zip(
        range(0xA0, 0xFF),
        "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪\uf8ff〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭",
        strict=True,
    )
)
# Marks that have a meaning in a form. The other pictures of these fonts decorate.
_WINGDINGS = {
    code: character
    for character, codes in {
        "✗": [0xFB],
        "✓": [0xFC],
        "☒": [0xFD, 0x78],
        "☑": [0xFE],
        "☐": [0xA8, 0x6F, 0x71, 0xA3],
        "←": [0xDF],
        "→": [0xE0, 0xE8, 0xF0],
        "↑": [0xE1],
        "↓": [0xE2],
        "☺": [0x4A],
        "☹": [0x4C],
    }.items()
    for code in codes
}
_WINGDINGS_2 = {0x50: "✓", 0x4F: "✗", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "☐", 0x30: "☐"}
_PICTURES = ("webdings", "wingdings 3", "zapfdingbats", "marlett")
_PRIVATE = range(0xF000, 0xF100)
_PRINTABLE = re.compile("[!-~]")
_PRIVATE_CHARACTERS = re.compile("[\uf000-\uf0ff]")


def symbol(code: int, font: str) -> str:
    """Return the Unicode text of a character in a font of symbols; pictures without a meaning are left out."""
    code = code - _PRIVATE.start if code in _PRIVATE else code
    match font.lower():
        case "symbol":
            return _SYMBOL.get(code, "")
        case "wingdings":
            return _WINGDINGS.get(code, "")
        case "wingdings 2":
            return _WINGDINGS_2.get(code, "")
        case name if name in _PICTURES:
            return ""
        case _:
            return chr(code) if 0x20 <= code < 0xD800 else ""


def with_symbols(text: str, font: str) -> str:
    """Return the text of a run, with private characters and the font Symbol replaced by the symbols that they show."""
    if font == "Symbol":
        text = _PRINTABLE.sub(lambda found: symbol(ord(found[0]), font), text)
    return _PRIVATE_CHARACTERS.sub(lambda found: symbol(ord(found[0]), font), text)
