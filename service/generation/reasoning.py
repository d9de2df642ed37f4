"""Removal of the reasoning that models write before their answer (ADR 40)."""

import re
from collections.abc import Iterable
from typing import Literal

from service.generation.base import Retraction

# Opening and closing tags of DeepSeek and Qwen, others by prompt, Mistral, Kimi, Seed, MiniMax, Cohere, gpt-oss.
_TAGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "[think]": "[/think]",
    "◁think▷": "◁/think▷",
    "<seed:think>": "</seed:think>",
    "<mm:think>": "</mm:think>",
    "<|start_thinking|>": "<|end_thinking|>",
    "<|channel|>analysis<|message|>": "<|channel|>final<|message|>",
}
_ALL = (*_TAGS, *_TAGS.values())
_FIRST_CHARACTERS = frozenset(tag[0] for tag in _ALL)
# Text without these characters neither has a tag nor changes what a later tag means.
_MARK = re.compile(f"[{re.escape(''.join(_FIRST_CHARACTERS))}`]")
_LONGEST = max(map(len, _ALL))
# White space, control characters and characters without a width.
_INVISIBLE = re.compile(r"[\s\x00-\x1f\u200b-\u200f\u2060\ufeff]+")

# Models whose usual chat template writes the opening tag into the prompt: DeepSeek R1 and what was distilled from it,
# QwQ, Qwen 3.5, models named Thinking, GLM Z1, MiniMax, Nemotron Nano 2, EXAONE Deep.
_OPENED_BY_PROMPT = re.compile(
    r"(?<![a-z])(?:r1|qwq|think|thinking|reasoner|reasoning|z1|minimax-m\d+|qwen-?3\.\d|nemotron-nano-\d+b-v2|exaone-deep)(?![a-z])",
    re.IGNORECASE,
)

Beginning = Literal["inside", "outside"]
"""Where a text begins: inside the reasoning, whose opening tag is in the prompt, or outside."""


def is_opened_by_prompt(model: str) -> bool:
    """Return True if the name of a model lets expect that its text begins inside the reasoning."""
    return bool(_OPENED_BY_PROMPT.search(model))


def _any_of(tags: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, tags)), re.IGNORECASE)


_OPENING, _CLOSING = _any_of(_TAGS), _any_of(_TAGS.values())
_CLOSING_OF = {opening: _any_of([closing]) for opening, closing in _TAGS.items()}


class ReasoningFilter:
    """Removes the leading blocks of reasoning from a text that arrives in pieces.

    Blocks after the first visible text stay, because an answer may be about these tags.
    Some chat templates write the opening tag into the prompt, and the text has the closing one only. The text before
    it was released by then, so it is retracted. `starts_inside` tells the filter to hold back the text up to that tag.
    """

    def __init__(self, *, starts_inside: bool) -> None:
        self.began: Beginning | None = None
        """Where the text began. None as long as it has no tag."""
        self._held = ""
        self._searched = 0
        """How much of the held text has no closing tag, so that long reasoning is not searched again for each token."""
        self._closing = _CLOSING if starts_inside else None
        """What ends the current block. None outside a block."""
        self._is_leading = True
        """True until the first visible text."""
        self._may_be_unopened = not starts_inside
        """True as long as a closing tag would show that the text so far was reasoning."""
        self._backticks = 0

    def expect_answer(self) -> None:
        """Hold nothing back any more, because the server sends the reasoning apart from the text."""
        self.began = "outside"
        if self._closing is _CLOSING:
            self._closing = None
            self._may_be_unopened = True

    def push(self, text: str) -> list[str | Retraction]:
        """Return the text that is certain to be visible."""
        self._held += text
        while self._is_leading:
            if not self._skip():
                return []
        if self._may_be_unopened and _MARK.search(self._held):
            return self._take_before_closing_tag()
        return self._take(len(self._held))

    def end(self, *, is_cut_off: bool) -> list[str | Retraction]:
        """Return the rest. A block that did not end is reasoning, unless the opening tag was only assumed."""
        if self._closing is None or (self._closing is _CLOSING and not is_cut_off):
            return self._take(len(self._held))
        return []

    def _skip(self) -> bool:
        """Remove leading space and reasoning as far as possible. Return False if that needs more text."""
        if self._closing is None or self._closing is _CLOSING:
            self._open_block()
        if self._closing is None:
            if not self._held or _unfinished_tag(self._held) == len(self._held):
                return False
            self._is_leading = False
            return True
        if closed := self._closing.search(self._held, self._searched):
            self.began = self.began or "inside"
            self._held = self._held[closed.end() :]
            self._searched = 0
            self._closing = None
            self._may_be_unopened = False
            return True
        if self._closing is not _CLOSING:
            self._held = self._held[-_LONGEST:]
        self._searched = max(0, len(self._held) - _LONGEST)  # The end may be the beginning of the closing tag.
        return False

    def _open_block(self) -> None:
        """Remove leading space and an opening tag. Inside an opened block, a tag is text of the reasoning."""
        if space := _INVISIBLE.match(self._held):
            self._held = self._held[space.end() :]
        if opened := _OPENING.match(self._held):
            self.began = self.began or "outside"
            self._closing = _CLOSING_OF[opened[0].lower()]
            self._held = self._held[opened.end() :]
            self._searched = 0

    def _take_before_closing_tag(self) -> list[str | Retraction]:
        complete = self._held[: len(self._held) - _unfinished_tag(self._held)]
        if _OPENING.search(complete):
            self._may_be_unopened = False  # The answer is about these tags.
        elif closed := _CLOSING.search(complete):
            self._may_be_unopened = False
            if (self._backticks + complete.count("`", 0, closed.start())) % 2 == 0:
                self.began = "inside"
                self._is_leading = True
                self._held = self._held[closed.end() :]
                return [Retraction(), *self.push("")]
        self._backticks += complete.count("`")
        return self._take(len(complete))

    def _take(self, length: int) -> list[str | Retraction]:
        taken, self._held = self._held[:length], self._held[length:]
        return [taken] if taken else []


def _unfinished_tag(text: str) -> int:
    """Return the length of the beginning of a tag at the end of the text, or 0."""
    end = text[-_LONGEST:].lower()
    for position, character in enumerate(end):
        if character in _FIRST_CHARACTERS:
            beginning = end[position:]
            if any(len(tag) > len(beginning) and tag.startswith(beginning) for tag in _ALL):
                return len(beginning)
    return 0
