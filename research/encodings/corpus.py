"""Texts in 35 languages, in the encodings that people's files have: short, long, and behind much ASCII."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SENTENCES: Final = Path(__file__).with_name("sentences.txt")
_LANGUAGES: Final = {
    "cp1252": "de fr es pt it nl sv da no fi is",
    "iso8859-1": "de fr es pt it sv da no is",
    "iso8859-15": "fr de fi es",
    "mac-roman": "de fr es it sv da",
    "cp850": "de fr es sv da pt",
    "cp437": "de fr es",
    "cp1250": "pl cs sk hu ro hr sl",
    "iso8859-2": "pl cs sk hu ro hr sl",
    "cp852": "pl cs hu hr",
    "mac-latin2": "pl cs hu",
    "cp1254": "tr",
    "iso8859-9": "tr",
    "cp857": "tr",
    "cp1257": "et lv lt",
    "iso8859-13": "et lv lt",
    "cp1253": "el",
    "iso8859-7": "el",
    "cp737": "el",
    "cp1251": "ru uk bg sr",
    "koi8-r": "ru bg",
    "koi8-u": "uk",
    "cp866": "ru bg",
    "iso8859-5": "ru uk bg sr",
    "mac-cyrillic": "ru uk bg sr",
    "cp1255": "he",
    "iso8859-8": "he",
    "cp1256": "ar",
    "iso8859-6": "ar",
    "cp1258": "vi",
    "cp874": "th",
    "shift_jis": "ja",
    "euc-jp": "ja",
    "iso2022-jp": "ja",
    "gb18030": "zh zh-Hant",
    "big5": "zh-Hant",
    "cp949": "ko",
    "utf-16": "de zh ru",
    "utf-16-le": "de ru zh ja ko el ar he th",
    "utf-16-be": "de ru zh ja ko el ar he th",
    "utf-32-le": "de zh",
}
_VIETNAMESE_TONES: Final = "\u0300\u0301\u0303\u0309\u0323"
_ASCII: Final = "".join(f"Entry {n:05d}: the pump ran for {n % 24} hours without a fault.\n" for n in range(1, 1300))
_HALF: Final = 3
"""Sentences in each half of the corpus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedText:
    """A text, and its bytes in one encoding."""

    encoding: str
    language: str
    form: str
    text: str
    body: bytes


def encoded_texts(half: int) -> Iterator[EncodedText]:
    """Yield the texts of one half: 0 for choosing, 1 for reporting."""
    sentences = read_sentences()
    for encoding, languages in _LANGUAGES.items():
        for language in languages.split():
            own = sentences[language][half * _HALF : (half + 1) * _HALF]
            forms = {
                "one sentence": own[0],
                "three sentences": " ".join(own),
                "24 sentences": "\n".join(own * 8),
                "behind 72 kB of ASCII": _ASCII + " ".join(own),
            }
            for form, text in forms.items():
                shown = _with_single_tones(text) if encoding == "cp1258" else text
                yield EncodedText(
                    encoding=encoding, language=language, form=form, text=shown, body=shown.encode(encoding)
                )


def read_sentences() -> dict[str, list[str]]:
    """Return the sentences by language."""
    sentences: dict[str, list[str]] = {}
    for line in _SENTENCES.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            language = line.strip("[]")
            sentences[language] = []
        elif line:
            sentences[language].append(line)
    return sentences


def _with_single_tones(text: str) -> str:
    """Return Vietnamese with tones as characters of their own, as Windows writes it."""
    plain = []
    for character in text:
        parts = unicodedata.normalize("NFD", character)
        letter = "".join(part for part in parts if part not in _VIETNAMESE_TONES)
        tones = "".join(part for part in parts if part in _VIETNAMESE_TONES)
        plain.append(unicodedata.normalize("NFC", letter) + tones)
    return "".join(plain)
