"""A writer that checks another writer's text against its passages, and flags or withholds what they do not support."""

import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from rag.stages import StageTimer
from service.generation.base import Retraction
from service.grounding.checking import CheckedSentence, Grounding
from service.grounding.claims import cite, read_claims
from service.grounding.evidence import Reading
from service.metrics import CHECK_DURATION, SENTENCES_BY_VECTORS, SENTENCES_THAT_ARE
from service.writing.base import CitedPassage, Groundedness, Piece, Writer, WritingInput

NOTHING_SUPPORTED = "The passages do not support what the model wrote, so its answer is withheld."

# What may end a sentence. Other text cannot complete one, so it is not read again.
_MAY_END = re.compile(r"[.!?\n\u2026\u3002\uff01\uff1f\u061f\u0964]")
_FENCE = re.compile(r"^(?:```|~~~)", re.MULTILINE)


class FlaggingWriter:
    """Writes what another writer does, and reports afterwards which of its sentences are not supported."""

    def __init__(self, writer: Writer, grounding: Grounding) -> None:
        self._writer = writer
        self.model = writer.model
        self._grounding = grounding

    async def write(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:
        text = ""
        async with aclosing(self._writer.write(writing_input, timer)) as pieces:
            async for piece in pieces:
                match piece:
                    case str():
                        text += piece
                    case Retraction():
                        text = ""
                yield piece
        if writing_input.schema is None:  # Sentences of JSON have no form of their own.
            checking = _Checking(self._grounding, writing_input)
            checked = await checking.check(text)
            checking.count()
            unsupported = [sentence for sentence in checked if sentence.verdict == "unsupported"]
            supported = sum(sentence.verdict == "supported" for sentence in checked)
            yield Groundedness(supported=supported, unsupported=unsupported)


class WithholdingWriter:
    """Writes the sentences of another writer that the passages support, each as soon as it is complete.

    A sentence that cites the wrong passage or none gets the marker of a passage that supports it.
    """

    def __init__(self, writer: Writer, grounding: Grounding) -> None:
        self._writer = writer
        self.model = writer.model
        self._grounding = grounding

    async def write(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:
        async with aclosing(self._writer.write(writing_input, timer)) as pieces:
            written = pieces if writing_input.schema else self._withhold(pieces, writing_input)
            async with aclosing(written):
                async for piece in written:
                    yield piece

    async def _withhold(self, pieces: AsyncIterator[Piece], writing_input: WritingInput) -> AsyncGenerator[Piece]:
        held = _HeldText(_Checking(self._grounding, writing_input))
        async for piece in pieces:
            match piece:
                case str():
                    if text := await held.push(piece):
                        yield text
                case Retraction():
                    held.clear()
                    yield piece
                case CitedPassage():
                    pass  # The sentence that cites it may be withheld.
                case _:
                    yield piece
        if text := await held.end():
            yield text
        for number in sorted(held.cited):
            yield CitedPassage(number=number)
        yield Groundedness(supported=held.shown, withheld=held.withheld)


class _Checking:
    """The checks of one answer, with their time."""

    def __init__(self, grounding: Grounding, writing_input: WritingInput) -> None:
        self._grounding = grounding
        self._passages = [Reading(hit.chunk.passage) for hit in writing_input.hits]
        self._seconds = 0.0
        self._checked: list[CheckedSentence] = []

    async def check(self, text: str, *, finds_sources: bool = False) -> list[CheckedSentence]:
        began = time.perf_counter()
        checked = await self._grounding.check(text, self._passages, finds_sources=finds_sources)
        self._seconds += time.perf_counter() - began
        self._checked += checked
        return checked

    def count(self) -> None:
        """Count the sentences of the answer and the time that their checks took."""
        CHECK_DURATION.observe(self._seconds)
        for sentence in self._checked:
            SENTENCES_THAT_ARE[sentence.verdict].inc()
        SENTENCES_BY_VECTORS.inc(sum(sentence.asked_vectors for sentence in self._checked))


class _HeldText:
    """Text that arrives in pieces and is released sentence by sentence.

    A heading or an announcement waits for a supported sentence behind it, because alone it says nothing.
    """

    def __init__(self, checking: _Checking) -> None:
        self._checking = checking
        self.clear()

    def clear(self) -> None:
        """Forget all text, including released text."""
        self._held = ""
        self._waiting = ""
        self._is_spent = False
        """True if sentences behind the waiting text were withheld."""
        self._gap = ""
        self.shown = 0
        self.withheld = 0
        self.cited: set[int] = set()

    async def push(self, text: str) -> str:
        """Return the text that is decided now."""
        self._held += text
        return await self._release(_complete_length(self._held)) if _MAY_END.search(text) else ""

    async def end(self) -> str:
        """Return the rest of the text, or the sentence that says that nothing is left."""
        text = await self._release(len(self._held))
        self._checking.count()
        text += "" if self._is_spent else self._waiting
        return text if text.strip() or self.shown or not self.withheld else NOTHING_SUPPORTED

    async def _release(self, length: int) -> str:
        text, rest = self._held[:length], self._held[length:]
        released, position = "", 0
        for sentence in await self._checking.check(text, finds_sources=True) if text else ():
            gap = max(self._gap, text[position : sentence.start], key=len)
            released += self._decide(sentence, gap, text[sentence.start : sentence.end])
            position = sentence.end
        self._held = text[position:] + rest
        return released

    def _decide(self, sentence: CheckedSentence, gap: str, text: str) -> str:
        self._gap = ""
        if sentence.source:
            text = cite(text, sentence.source)
        if sentence.source or sentence.verdict == "supported":
            text, self._waiting, self._is_spent = f"{self._waiting}{gap}{text}", "", False
            self.shown += 1
            self.cited.update([sentence.source] if sentence.source else sentence.cited)
            return text
        if sentence.verdict == "nothing":
            self._waiting = f"{'' if self._is_spent else self._waiting}{gap}{text}"
            self._is_spent = False
        else:
            self._gap, self._is_spent = gap, bool(self._waiting)
            self.withheld += 1
        return ""


def _complete_length(text: str) -> int:
    """Return the length of the text whose sentences are complete: what follows cannot change them."""
    fences = [fence.start() for fence in _FENCE.finditer(text)]
    if len(fences) % 2:  # A block of code is one sentence, which is not complete yet.
        return fences[-1]
    sentences = read_claims(text)
    last = len(sentences) - 1
    while last > 0 and sentences[last].is_row and sentences[last - 1].is_row:
        last -= 1  # The row behind the first one tells that the first one is the head of a table.
    return sentences[last - 1].end if last > 0 else 0
