"""Quotes the sentences that answer best: the default with a small model, which gets wrong what it rephrases."""

import re
from collections.abc import AsyncGenerator, Iterator, Sequence

import numpy as np

from rag.embedding.base import Embedder
from rag.stages import StageTimer
from rag.types import ScoredChunk
from service.sentences import Sentence, keeps_lines, select_quotes, shortlist, split_sentences
from service.writing.base import CitedPassage, Piece, WritingInput

_WORD = re.compile(r"\S+\s*")
_BULLET = re.compile(r"^(?:[-*+]|\d{1,3}[.)])\s+")
_PASSAGES = 3
_EMBEDDED_SENTENCES = 8
_QUOTES = 3


class Quoter:
    """Picks sentences by meaning and by words, from the best passages."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def pick(self, writing_input: WritingInput) -> list[Sentence]:
        """At most three sentences, the best first; never none."""
        candidates = _candidates(writing_input.question, writing_input.hits[:_PASSAGES])
        if not candidates:  # Passages of nothing but questions or headings: the best one speaks for itself.
            return [Sentence(text=writing_input.hits[0].chunk.text, passage=0)]
        sentences = shortlist(writing_input.question, candidates, limit=_EMBEDDED_SENTENCES)
        vectors = await self._embedder.embed_passages([sentence.text for sentence in sentences])
        return select_quotes(writing_input.question, sentences, np.stack(vectors) @ writing_input.vector, limit=_QUOTES)


class QuoteWriter:
    """An answer of one to three quoted sentences, each with its citation."""

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
    """The text word by word, and the marker of the passage that its source stands in."""
    number = source.passage + 1
    if keeps_lines(text):
        yield from _WORD.findall(f"{text}\n[{number}]\n\n")
    else:
        flat = " ".join(_BULLET.sub("", text).split())
        yield from _WORD.findall(f"{flat} [{number}] ")
    yield CitedPassage(number=number, quote=source.text)


def _candidates(question: str, hits: Sequence[ScoredChunk]) -> list[Sentence]:
    """Every sentence once, under the best passage that has it; one that repeats the whole question only asks it too."""
    asked = question.rstrip("?").lower()
    found: dict[str, Sentence] = {}
    for rank, hit in enumerate(hits):
        for text in split_sentences(hit.chunk.text):
            if asked not in text.lower():
                found.setdefault(text, Sentence(text=text, passage=rank))
    return list(found.values())
