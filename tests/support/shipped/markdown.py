"""What a Markdown page contains: links, anchors, console commands and their output."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"^\s*```(\w*)[^\n]*\n(.*?)^\s*```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_MARKS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A shell command of a page, its continuation lines joined, with the output that the page shows below it."""

    line: str
    output: str


def links_of(text: str) -> list[str]:
    """Return the target of each link and picture outside code blocks."""
    return _LINK.findall(_FENCE.sub("", text))


def anchors_of(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them; a repeated heading gets a number."""
    seen: Counter[str] = Counter()
    anchors = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = _MARKS.sub("", plain.strip().lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def blocks_of(text: str, language: str) -> list[str]:
    """Return the content of each code block in the language."""
    return [body for name, body in _FENCE.findall(text) if name == language]


def commands_of(text: str) -> list[Command]:
    """Return each command behind a `$` prompt in a console block."""
    return [command for block in blocks_of(text, "console") for command in _commands_in(block)]


def _commands_in(block: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        taken = 1
        while lines[taken - 1].endswith("\\"):
            taken += 1
        yield Command(
            line=" ".join(line.removesuffix("\\").strip() for line in lines[:taken]),
            output="\n".join(lines[taken:]).strip(),
        )
