"""Removal of the marks that end a model's turn, which some servers leave in the text (ADR 40)."""

import re

from service.generation.base import Retraction

# Of ChatML, Llama 3, Llama 2 and Mistral, Gemma, Phi, gpt-oss, Cohere and DeepSeek.
_MARKS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "</s>",
    "<end_of_turn>",
    "<|end|>",
    "<|return|>",
    "<|END_OF_TURN_TOKEN|>",
    "<｜end▁of▁sentence｜>",  # noqa: RUF001 - the characters that the model writes
)
# A model that repeats marks without an end must not make each piece slower than the one before.
_MAX_HELD = 1_000
_MARK = "|".join(map(re.escape, _MARKS))
_BEGINNING = "|".join(re.escape(mark[:length]) for mark in _MARKS for length in range(len(mark) - 1, 0, -1))
_AT_END = re.compile(rf"(?:(?:{_MARK})\s*)+\Z")
_MAYBE_AT_END = re.compile(rf"(?=<)(?:(?:{_MARK})\s*)*(?:{_BEGINNING})?\Z")


class EndMarkFilter:
    """Removes marks at the end of a text that arrives in pieces. Elsewhere they stay: an answer may name them."""

    def __init__(self) -> None:
        self._held = ""
        """Marks, or the beginning of one, that may be the end of the text."""

    def push(self, pieces: list[str | Retraction]) -> list[str | Retraction]:
        """Return the pieces without what may be a mark at the end."""
        passed: list[str | Retraction] = []
        for piece in pieces:
            if isinstance(piece, Retraction):
                self._held = ""
                passed.append(piece)
            elif text := self._pass(piece):
                passed.append(text)
        return passed

    def end(self) -> list[str | Retraction]:
        """Return the held text without marks."""
        rest = _AT_END.sub("", self._held)
        return [rest] if rest else []

    def _pass(self, text: str) -> str:
        if not self._held and "<" not in text:
            return text
        text = self._held + text
        at_end = _MAYBE_AT_END.search(text)
        self._held = at_end[0] if at_end and len(at_end[0]) < _MAX_HELD else ""
        return text.removesuffix(self._held)
