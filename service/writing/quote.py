"""A writer that quotes the best sentences. Small models make mistakes when they rephrase (ADR 4)."""

import re
from collections.abc import AsyncGenerator, Iterator, Sequence

import numpy as np

from rag.embedding.base import Embedder
from rag.stages import StageTimer
from rag.types import ScoredChunk
from service.sentences import QUESTION_MARKS, Sentence, keeps_lines, select_quotes, shortlist, split_sentences
from service.writing.base import CitedPassage, Piece, WritingInput

_WORD = re.compile(r"\S+\s*")
_BULLET = re.compile(r"^(?:[-*+]|\d{1,3}[.)])\s+")
# The parameters of ADR 4. Later passages seldom hold the answer.
_PASSAGES = 3
# Embedding sentences is the most expensive stage of this mode, so only the ones with most shared words are embedded.
_EMBEDDED_SENTENCES = 8
_QUOTES = 3


class Quoter:
    """Selects sentences from the best passages, by similarity and by shared words."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def pick(self, writing_input: WritingInput) -> list[Sentence]:
        """Return one to three sentences, the best first."""
        candidates = _candidates(writing_input.question, writing_input.hits[:_PASSAGES])
        if not candidates:  # The passages contain only questions or headings. The best one is quoted as it is.
            return [Sentence(text=writing_input.hits[0].chunk.text, passage=0)]
        sentences = shortlist(writing_input.question, candidates, limit=_EMBEDDED_SENTENCES)
        vectors = await self._embedder.embed_passages([sentence.text for sentence in sentences])
        return select_quotes(writing_input.question, sentences, np.stack(vectors) @ writing_input.vector, limit=_QUOTES)


class QuoteWriter:
    """Writes one to three quoted sentences, each with its citation."""

    model = "quote"

    def __init__(self, quoter: Quoter) -> None:
        self._quoter = quoter

    async def write(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:
        with timer.stage("quote"):
            quotes = await self._quoter.pick(writing_input)
        for quote in quotes:
            for piece in cite(quote.text, quote):
                yield piece


def cite(text: str, source: Sentence) -> Iterator[str | CitedPassage]:
    """Yield the text word by word, then the marker and the citation of its passage."""
    number = source.passage + 1
    if keeps_lines(text):
        yield from _WORD.findall(f"{text}\n[{number}]\n\n")
    else:
        flat = " ".join(_BULLET.sub("", text).split())
        yield from _WORD.findall(f"{flat} [{number}] ")
    yield CitedPassage(number=number, quote=source.text)


def _candidates(question: str, hits: Sequence[ScoredChunk]) -> list[Sentence]:
    """Return each sentence once, with its best passage, but none that repeats the whole question."""
    without_mark = question.rstrip(QUESTION_MARKS).lower()
    sentences: dict[str, Sentence] = {}
    for rank, hit in enumerate(hits):
        for text in split_sentences(hit.chunk.text):
            if without_mark not in text.lower():
                sentences.setdefault(text, Sentence(text=text, passage=rank))
    return list(sentences.values())
