"""Remove the inline markup of reStructuredText, and keep what it means."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.parsing.html.marks import address_beside, lowered, raised

# Each pattern is bounded in length, or hostile input would make the search quadratic.
_STANDARD = re.compile(r":(pep|rfc):`(?=\d+`)")
_NOTE_MARK = re.compile(r"(\[[#*\w-]{1,60}\])_")
_ROLE = re.compile(r"(?:\\ ?)?:(?P<name>[\w:+.-]{1,40}):`(?P<text>[^`\n]{1,300}(?:\n[^`\n]{1,300})?)`(?:\\ )?")
_LINK_TARGET = re.compile(r"^[!~]|\s*<(?P<target>[^<>]*)>$")
_LITERAL = re.compile(r"``([^\n]{1,300}?)``")
_REFERENCE = re.compile(r"`([^`\n]{1,300}(?:\n[^`\n]{1,300})?)`(_?_?)")
_EMPHASIS = re.compile(r"(?<![\w*\\])(\*\*?)(?=\S)([^*\n]{1,300}?)(?<=\S)\1(?![\w*])")
_BARE_REFERENCE = re.compile(r"\b([A-Za-z0-9]{1,60})__?(?=[\s.,;:)]|$)")
_SUBSTITUTION = re.compile(r"\|([^|\n]{1,100})\|_{0,2}")
_ESCAPE = re.compile(r"\\([^\w\s])|\\\s")

_DEFINED_TEXT = re.compile(r"\s*\.\. \|([^|]{1,100})\| +(replace|unicode|image)::\s*(.*)")
_DEFINED_TARGET = re.compile(r"\s*\.\. _`?([^:`]{1,200})`?: +(\S+)\s*$")
_ALT = re.compile(r"\s*:alt:\s*(.+)")
_CODE_POINT = re.compile(r"(?:0x|x|\\x|U\+|u|\\u)([0-9A-Fa-f]{2,6})\Z")


@dataclass(frozen=True, slots=True)
class Definitions:
    """The targets and substitutions of a document, by name."""

    texts: Mapping[str, str]
    targets: Mapping[str, str]


def definitions_of(lines: Sequence[str]) -> Definitions:
    """Return the substitutions and link targets that the document defines."""
    texts: dict[str, str] = {}
    targets: dict[str, str] = {}
    for number, line in enumerate(lines):
        if text := _DEFINED_TEXT.match(line):
            texts[text[1]] = _substitute(text[2], text[3], lines[number + 1 : number + 6])
        elif target := _DEFINED_TARGET.match(line):
            targets[target[1].lower()] = target[2]
    return Definitions(texts, targets)


def plain(text: str, definitions: Definitions) -> str:
    """Return the text without inline markup; the content of ``literals`` is not touched."""
    literals: list[str] = []

    def to_placeholder(literal: re.Match[str]) -> str:
        literals.append(literal[1])
        return f"\0{len(literals) - 1}\0"

    def with_target(label: str, *, is_link: bool) -> str:
        target = _LINK_TARGET.search(label)
        words = _LINK_TARGET.sub("", label)
        address = (target["target"] if target else None) or definitions.targets.get(words.lower(), "")
        beside = address_beside(words, {"href": address}, "") if is_link and address else ""
        return f"{words or address} ({beside})" if beside else words or address

    text = _LITERAL.sub(to_placeholder, text.replace("\0", ""))
    if definitions.texts:
        text = _SUBSTITUTION.sub(lambda name: definitions.texts.get(name[1], name[0]), text)
    text = _STANDARD.sub(lambda role: f"{role[1].upper()} `", _NOTE_MARK.sub(r"\1", text))
    text = _ROLE.sub(_role_text, text)
    text = _REFERENCE.sub(lambda reference: with_target(reference[1], is_link=bool(reference[2])), text)
    text = _EMPHASIS.sub(r"\2", text)
    text = _BARE_REFERENCE.sub(lambda name: with_target(name[1], is_link=True), text)
    text = _ESCAPE.sub(lambda escape: escape[1] or "", text)
    return re.sub(r"\0(\d+)\0", lambda placeholder: literals[int(placeholder[1])], text)


def _role_text(role: re.Match[str]) -> str:
    name, text = role["name"], role["text"]
    before, after = role.string[max(0, role.start() - 40) : role.start()], role.string[role.end() : role.end() + 40]
    is_joined = role[0].startswith("\\")
    if name in {"sup", "superscript"}:
        return raised(text, before if is_joined else "", after, is_link=False)
    if name in {"sub", "subscript"}:
        return lowered(text, before if is_joined else "")
    if name == "download" and (target := _LINK_TARGET.search(text)) and target["target"]:
        return f"{_LINK_TARGET.sub('', text)} ({target['target']})"
    return _LINK_TARGET.sub("", text)


def _substitute(kind: str, text: str, following: Sequence[str]) -> str:
    if kind == "unicode":
        words = (_CODE_POINT.match(word) for word in text.partition(" .. ")[0].split())
        return "".join(chr(min(int(word[1], 16), 0x10FFFF)) if word else "" for word in words)
    if kind == "image":
        return next((alt[1].strip() for line in following if (alt := _ALT.match(line))), "")
    more = []
    for line in following:
        if not line.strip() or not line[0].isspace():
            break
        more.append(line.strip())
    return " ".join([text.strip(), *more])
