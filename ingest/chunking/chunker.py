"""Cuts documents into chunks that fit the embedder: by structure first, by its tokens where structure is too coarse."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID, uuid5

from ingest.chunking.fences import fence_marks, with_whole_fences
from rag.embedding.base import Tokenizer
from rag.types import Chunk, Document, Section, passage_of

# Where to cut, the best place first: after a paragraph, a list item or table row, a sentence, a line, a word.
_CUTS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n(?:[^\S\n]*\n)+",
        r"(?<=[.!?:;|])\n|\n(?=[^\S\n]*(?:[-*•|] |\d{1,3}[.)] ))",
        r"(?<=[.!?…])[\"'\u201d\u2019)\]]*\s+|(?<=[\u3002\uff01\uff1f])",
        r"\n",
        r"\s+",
    )
)
# Never change it: it would change the id of every chunk.
_NAMESPACE: Final = UUID("0d9f7c1e-5a54-5b0c-8a8e-3c1d2b7f6e90")
# Bounds what tokenizing a section holds in memory at once.
_SLAB_CHARACTERS: Final = 50_000
# A word that the model does not know is one token however long it is; cut in two, it is more.
_LONG_WORD_CHARACTERS: Final = 64
_PIECE_OF_LONG_WORD: Final = 4
# A text with more than this for each token has such words in it.
_CHARACTERS_PER_TOKEN: Final = 16
# Of a passage, the largest part that may be its headings.
_HEADING_SHARE: Final = 1 / 3
# Likewise the marks of a code block that is cut.
_FENCE_SHARE: Final = 1 / 8


class Chunker:
    """Turns a document into chunks whose passages the embedder reads to their end."""

    def __init__(self, tokenizer: Tokenizer, *, target_tokens: int | None = None) -> None:
        """`target_tokens` bounds a passage, heading path included; the tokenizer's own limit is the default."""
        self._tokenizer = tokenizer
        self._max_tokens = min(target_tokens or tokenizer.max_tokens, tokenizer.max_tokens)

    def chunk(self, document: Document, *, ingested_at: float) -> list[Chunk]:
        """In reading order; the same document gives the same chunks, ids included."""
        pieces = [piece for section in document.sections for piece in self._cut(section)]
        seen: Counter[str] = Counter()
        chunks: list[Chunk] = []
        for ordinal, piece in enumerate(pieces):
            chunks.append(
                Chunk(
                    id=_chunk_id(document, piece.text, seen[piece.text]),
                    document_id=document.id,
                    uri=document.uri,
                    media_type=document.media_type,
                    title=document.title,
                    heading_path=piece.heading_path,
                    text=piece.text,
                    ordinal=ordinal,
                    version=document.version,
                    ingested_at=ingested_at,
                    chunk_count=len(pieces),
                    validator=document.validator,
                )
            )
            seen[piece.text] += 1
        return chunks

    def _cut(self, section: Section) -> Iterator[Section]:
        heading_path = self._shorten(section.heading_path)
        reserve = 0 if self._fits(heading_path, section.text) else self._tokens_of_fences(section.text)
        pieces = (piece for slab in _slabs(section.text) for piece in self._cut_slab(heading_path, slab, reserve))
        # What stands in front of the first line is its indentation, and code needs it.
        tidy = (piece.rstrip().lstrip("\n") for piece in pieces)
        for text in with_whole_fences(tidy) if reserve else tidy:
            if text:
                yield Section(heading_path=heading_path, text=text)

    def _tokens_of_fences(self, text: str) -> int:
        """What a code block that is cut costs each of its pieces; 0 where there is none, or no room for it."""
        needed = max((self._count(marks) for marks in fence_marks(text)), default=0)
        return needed if needed < self._max_tokens * _FENCE_SHARE else 0

    def _shorten(self, heading_path: tuple[str, ...]) -> tuple[str, ...]:
        """Drops the outermost headings, and at last the end of the innermost, until enough room is left for text."""
        room = int(self._max_tokens * _HEADING_SHARE)
        while len(heading_path) > 1 and self._count(" > ".join(heading_path)) > room:
            heading_path = heading_path[1:]
        spans = self._tokenizer.spans(heading_path[0]) if len(heading_path) == 1 else []
        if len(spans) <= room:
            return heading_path
        innermost = heading_path[0][: spans[room][0]].rstrip()
        return (innermost,) if innermost else ()

    def _cut_slab(self, heading_path: tuple[str, ...], text: str, reserve: int) -> Iterator[str]:
        if not reserve and self._fits(heading_path, text):
            yield text
            return
        starts = _cut_points(self._tokenizer.spans(text))
        room = self._max_tokens - self._count(passage_of(heading_path, "")) - reserve
        position = 0
        while position < len(text):
            end = self._end_of_piece(heading_path, text, position, starts, room, reserve)
            yield text[position:end]
            position = end

    def _end_of_piece(
        self, heading_path: tuple[str, ...], text: str, position: int, starts: Sequence[int], room: int, reserve: int
    ) -> int:
        """The tokens of a part need not be those of the whole: it is counted, and made smaller until it fits."""
        while True:
            end = _best_cut(text, position, starts, room)
            excess = self._count(passage_of(heading_path, text[position:end])) + reserve - self._max_tokens
            if excess <= 0 or room <= 1:
                return end
            room = max(1, room - excess)

    def _fits(self, heading_path: tuple[str, ...], text: str) -> bool:
        return len(text) <= self._max_tokens * _CHARACTERS_PER_TOKEN and (
            self._count(passage_of(heading_path, text)) <= self._max_tokens
        )

    def _count(self, text: str) -> int:
        return len(self._tokenizer.spans(text))


def _chunk_id(document: Document, text: str, occurrence: int) -> str:
    return str(uuid5(_NAMESPACE, f"{document.id}\n{occurrence}\n{text}"))


def _slabs(text: str) -> Iterator[str]:
    position = 0
    while len(text) - position > _SLAB_CHARACTERS:
        limit = position + _SLAB_CHARACTERS
        end = _nearest_cut(text, limit - _SLAB_CHARACTERS // 4, limit, target=limit) or limit
        yield text[position:end]
        position = end
    yield text[position:]


def _cut_points(spans: Sequence[tuple[int, int]]) -> list[int]:
    """Where a token starts, and the inside of words that count as one token but would not if they were cut."""
    return [
        point
        for start, end in spans
        for point in ((start,) if end - start <= _LONG_WORD_CHARACTERS else range(start, end, _PIECE_OF_LONG_WORD))
    ]


def _best_cut(text: str, position: int, starts: Sequence[int], room: int) -> int:
    """The end of a piece of at most `room` tokens; the rest is divided evenly, so that no crumb is left over."""
    first = bisect_left(starts, position)
    remaining = len(starts) - first
    if remaining <= room:
        return len(text)
    target = -(-remaining // -(-remaining // room))
    limit = max(starts[first + room], position + 1)
    lowest = starts[first + target // 2]
    return _nearest_cut(text, lowest, limit, target=starts[first + target]) or limit


def _nearest_cut(text: str, lowest: int, limit: int, *, target: int) -> int:
    """Between `lowest` and `limit` the best kind of cut that there is, the one nearest to `target`; 0 without any."""
    for cut in _CUTS:
        ends = [found.end() for found in cut.finditer(text, lowest, limit) if found.end() > lowest]
        if ends:
            return min(ends, key=lambda end: abs(end - target))
    return 0
