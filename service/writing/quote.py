"""A writer that quotes the block that answers best. Small models make mistakes when they rephrase (ADR 4)."""

import re
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rag.embedding.base import Embedder
from rag.stages import StageTimer
from rag.types import ScoredChunk
from service.quoting.answers import Quote, compose, is_cut, is_same_list
from service.quoting.blocks import Unit
from service.quoting.questions import Question, read_question
from service.quoting.ranking import Ranked, confidence, evidence_for, rank, with_cosine
from service.quoting.signals import Candidate, read_candidates
from service.retrieval.selection import Candidate as Passage
from service.sentences import keeps_lines
from service.writing.base import CitedPassage, Piece, WritingInput
from service.writing.unsure import UNSURE

_WORD = re.compile(r"\S+\s*")
_BULLET = re.compile(r"^(?:[-*+]|\d{1,3}[.)])\s+")
# Embedding is the most expensive stage of this mode. Words and structure choose the units that are worth it (ADR 64).
_EMBEDDED = 4
# Further blocks are quoted if they score almost as well, because the second one often answers (ADR 64).
_MARGIN = 3.0
_QUOTES = 3
_MAX_CHARACTERS = 1_500
Continued = Callable[[ScoredChunk], Awaitable[ScoredChunk]]
"""Returns a passage together with the next one of its document."""


class Quoter:
    """Selects the blocks of the passages that answer a question, by words and structure first, then by meaning."""

    def __init__(self, embedder: Embedder, *, min_confidence: float, sure_confidence: float) -> None:
        """Below `min_confidence` nothing is quoted. Below `sure_confidence` the quotes are unsure."""
        self._embedder = embedder
        self._min_confidence = min_confidence
        self._sure_confidence = sure_confidence

    async def pick(self, writing_input: WritingInput, continued: Continued) -> WritingInput:
        """Return the input with its quotes, best first, and with the quoted passages first among its passages.

        It has no quotes if no passage has the code or the section that the question is about, or if none is likely to
        answer.
        """
        passages = _passages(writing_input)
        question = read_question(writing_input.searched)
        candidates = read_candidates(question, passages)
        if question.is_literal and not any(question.has_codes_in(hit.chunk.passage) for hit in passages):
            return writing_input
        if question.is_section and not any(question.has_section_in(hit.chunk) for hit in passages):
            return writing_input
        if not candidates:  # The passages contain only questions or headings. The best one is quoted as it is.
            text = writing_input.hits[0].chunk.text
            is_unsure = self._sure_confidence > 0
            return replace(writing_input, quotes=[Quote(text=text, passage=0, evidence=text)], is_unsure=is_unsure)
        scores = rank(candidates)
        ranked = await self._rank(writing_input, candidates, scores)
        evidence = evidence_for(ranked)
        likely = confidence(evidence)
        writing_input = replace(writing_input, evidence=evidence, confidence=likely)
        if likely < self._min_confidence:
            return writing_input
        quotes = await _compose(question, passages, ranked, _by_passage(candidates, scores), continued)
        is_unsure = likely < self._sure_confidence
        return _arrange(replace(writing_input, is_unsure=is_unsure), passages, quotes)

    async def _rank(
        self, writing_input: WritingInput, candidates: Sequence[Candidate], scores: npt.NDArray[np.float64]
    ) -> list[Ranked]:
        """Return the candidates that are worth embedding with their final scores, the best first."""
        some = np.argsort(-scores, kind="stable")[:_EMBEDDED]
        vectors = await self._embedder.embed_passages([candidates[index].embedded for index in some])
        cosines = np.stack(vectors) @ writing_input.vector
        final = with_cosine(scores[some], cosines)
        return [
            Ranked(score=float(final[at]), cosine=float(cosines[at]), candidate=candidates[some[at]])
            for at in np.argsort(-final, kind="stable")
        ]


class QuoteWriter:
    """Writes the quotes, each with its citation."""

    model = "quote"

    async def write(self, writing_input: WritingInput, timer: StageTimer) -> AsyncGenerator[Piece]:  # noqa: ARG002 - the port's
        if writing_input.is_unsure:
            yield UNSURE
        for piece in cite_each([(quote.text, quote) for quote in writing_input.quotes]):
            yield piece


def cite_each(claims: Sequence[tuple[str, Quote]], *, between: str = "\n\n") -> Iterator[str | CitedPassage]:
    """Yield each text word by word, then the marker and the citation of its passage.

    `between` separates two texts of prose. Blank lines are around a list, a table and code.
    """
    have_lines = [keeps_lines(text) for text, _ in claims]
    gaps = ["\n\n" if before or after else between for before, after in pairwise(have_lines)]
    # Behind the last text there is no gap.
    for (text, source), has_lines, gap in zip(claims, have_lines, [*gaps, ""], strict=False):
        number = source.passage + 1
        cited = f"{text}\n[{number}]" if has_lines else f"{' '.join(_BULLET.sub('', text).split())} [{number}]"
        yield from _WORD.findall(cited + gap)
        yield CitedPassage(number=number, quote=source.evidence)


def _passages(writing_input: WritingInput) -> list[ScoredChunk]:
    """Return all candidates of the search but duplicates: a block can answer although its passage ranks low."""
    found = [candidate.hit for candidate in writing_input.candidates if candidate.reason != "repeats"]
    return found or list(writing_input.hits)


def _by_passage(
    candidates: Sequence[Candidate], scores: npt.NDArray[np.float64]
) -> dict[int, dict[tuple[int, int], float]]:
    """Return the scores by words and structure: by passage, then by block and position."""
    by_passage: dict[int, dict[tuple[int, int], float]] = defaultdict(dict)
    for candidate, score in zip(candidates, scores, strict=True):
        by_passage[candidate.rank][candidate.unit.block, candidate.unit.position] = float(score)
    return by_passage


async def _compose(
    question: Question,
    passages: list[ScoredChunk],
    ranked: Sequence[Ranked],
    scores: Mapping[int, Mapping[tuple[int, int], float]],
    continued: Continued,
) -> list[Quote]:
    """Return the blocks around the best candidates. A passage that ends with an announcement gets what follows it."""
    quotes: list[Quote] = []
    units: list[list[Unit]] = []
    for it in ranked:
        place, unit = it.candidate.rank, it.candidate.unit
        if it.score < ranked[0].score - _MARGIN:
            break
        if quotes and _is_of_another_code(question, it.candidate, ranked[0].candidate):
            continue
        compose_from = partial(compose, question, passage=place, scores=scores[place])
        at = _list_of(unit, place, quotes, units, passages)
        if at is not None:
            units[at].append(unit)
            quotes[at] = compose_from(passages[place].chunk, units[at][0], others=units[at][1:])
            continue
        quote = compose_from(passages[place].chunk, unit)
        if not quotes and is_cut(quote, passages[place].chunk):
            passages[place] = await continued(passages[place])
            quote = compose_from(passages[place].chunk, unit)
        is_new = not any(
            unit.text in other.text or quote.text in other.text or other.text in quote.text for other in quotes
        )
        length = sum(len(other.text) for other in (*quotes, quote))
        if not quotes or (len(quotes) < _QUOTES and is_new and length <= _MAX_CHARACTERS):
            quotes.append(quote)
            units.append([unit])
    return quotes


def _is_of_another_code(question: Question, candidate: Candidate, best: Candidate) -> bool:
    """Return whether a candidate lacks the code that the question is about. The meaning of a neighbour would mislead.

    In a table each row is about another code, so there the best row is enough to tell what is wanted.
    """
    if not candidate.signals["lacks_code"]:
        return False
    return question.is_literal or (candidate.unit.kind == "row" and not best.signals["lacks_code"])


def _list_of(
    unit: Unit, place: int, quotes: Sequence[Quote], units: Sequence[Sequence[Unit]], passages: Sequence[ScoredChunk]
) -> int | None:
    """Return the index of the quote that has another item of the same list, so that the list is quoted once."""
    return next(
        (
            index
            for index, quote in enumerate(quotes)
            if quote.passage == place and is_same_list(passages[place].chunk, units[index][0], unit)
        ),
        None,
    )


def _arrange(writing_input: WritingInput, passages: Sequence[ScoredChunk], quotes: Sequence[Quote]) -> WritingInput:
    """Number the quoted passages first, so that they are among the passages of the answer."""
    cited = list(dict.fromkeys(quote.passage for quote in quotes))
    first = [passages[index] for index in cited]
    ids = {hit.chunk.id for hit in first}
    hits = [*first, *(hit for hit in writing_input.hits if hit.chunk.id not in ids)][
        : max(len(writing_input.hits), len(first))
    ]
    taken = {hit.chunk.id for hit in hits}
    return replace(
        writing_input,
        hits=hits,
        candidates=[_with_fate(candidate, taken) for candidate in writing_input.candidates],
        quotes=[replace(quote, passage=cited.index(quote.passage)) for quote in quotes],
    )


def _with_fate(candidate: Passage, taken: set[str]) -> Passage:
    if candidate.hit.chunk.id in taken:
        return replace(candidate, reason="taken")
    return replace(candidate, reason="beyond_limit") if candidate.reason == "taken" else candidate
