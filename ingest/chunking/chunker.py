"""Split documents into chunks that fit the embedder: at section boundaries first, then at the best cut in the text."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from uuid import UUID, uuid5

from rag.embedding.base import Tokenizer
from rag.types import Chunk, Document, Place, Section, passage_of

# Signs that end a sentence and are followed by a space: of Arabic, Urdu, Hindi, Armenian, Ethiopic, Khmer, Greek.
_SENTENCE_ENDS = "\u061f\u06d4\u0964\u0965\u0589\u1362\u1367\u17d4\u17d5\u037e"
# Signs that end a sentence without a space: of Chinese, Japanese, Burmese, Tibetan.
_UNSPACED_ENDS = "\u3002\uff01\uff1f\uff61\u104b\u0f0d"
# Where to cut, best first: after a paragraph, a list item, table row or value of one, a sentence, a line, a word.
_CUTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n(?:[^\S\n]*\n)+",
        r"(?<=[.!?:;|])\n|\n(?=[^\S\n]*(?:[-*•|] |\d{1,3}[.)] ))|\n(?=[^\n]{1,90} \u2013 [^\n]{1,130}: )",
        rf"(?<=[.!?…{_SENTENCE_ENDS}])[\"'\u201d\u2019\u00bb)\]]*\s+|[{_UNSPACED_ENDS}][\u300d\u300f\u201d\u2019\uff09]*",
        r"\n",
        # Chinese and Japanese have no spaces: a comma is the best place after the end of a sentence.
        r"[\uff0c\u3001\uff1b\uff1a\ufe50\ufe51]|\s+",
    )
)
_JOINERS = "\u200c\u200d"
# Vowels of Thai and Lao that are written before the consonant that they follow.
_LEADING_VOWELS = "\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4"
# Never change it: every chunk would get another id and be embedded again.
_NAMESPACE = UUID("0d9f7c1e-5a54-5b0c-8a8e-3c1d2b7f6e90")
# Bounds the memory for tokenizing a long section.
_SLAB_CHARACTERS = 50_000
# The tokenizer maps an unknown word to one token, however long it is. Its parts can be several tokens.
_LONG_WORD_CHARACTERS = 64
_LONG_WORD_STEP = 4
# Text with more characters per token contains such long words.
_MAX_CHARACTERS_PER_TOKEN = 16
# The largest share of a passage for its headings, so that most of it stays text.
_MAX_HEADING_SHARE = 1 / 3
# The largest share of a passage for repeating the fences of a code block.
_MAX_FENCE_SHARE = 1 / 8

_FENCE = re.compile(r"^[ \t]*(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)$", re.MULTILINE)
_EMPTY_BLOCK = re.compile(r"^(`{3,}|~{3,})[^`\n]*\n+[ \t]*\1[ \t]*$\n*", re.MULTILINE)
_MAX_LANGUAGE_CHARACTERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    heading_path: tuple[str, ...]
    text: str
    place: Place


class Chunker:
    """A chunker whose passages never exceed the embedder's input limit, so that no text is cut off."""

    def __init__(self, tokenizer: Tokenizer, *, target_tokens: int | None = None) -> None:
        """`target_tokens` limits a passage with its heading path; the default is the tokenizer's own limit."""
        self._tokenizer = tokenizer
        self._max_tokens = min(target_tokens or tokenizer.max_tokens, tokenizer.max_tokens)

    def chunk(self, document: Document, *, ingested_at: float) -> list[Chunk]:
        """Return the chunks in reading order; the same document always gives the same chunks and ids."""
        pieces = [piece for section in document.sections for piece in self._split(section)]
        seen: Counter[str] = Counter()
        chunks: list[Chunk] = []
        for ordinal, piece in enumerate(pieces):
            chunks.append(
                Chunk(
                    id=str(uuid5(_NAMESPACE, f"{document.id}\n{seen[piece.text]}\n{piece.text}")),
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
                    place=piece.place,
                    language=document.language,
                    warnings=document.warnings if ordinal == 0 else (),
                )
            )
            seen[piece.text] += 1
        return chunks

    def _split(self, section: Section) -> Iterator[_Piece]:
        heading_path = self._shorten(section.heading_path)
        reserve = 0 if self._fits(heading_path, section.text) else self._fence_tokens(section.text)
        pieces = [piece for slab in _slabs(section.text) for piece in self._split_slab(heading_path, slab, reserve)]
        # Leading spaces stay, because they are the indentation of code.
        stripped = [piece.rstrip().lstrip("\n") for piece in pieces]
        end = 0
        for piece, text in zip(pieces, _with_complete_fences(stripped) if reserve else stripped, strict=True):
            start, end = end, end + len(piece)
            if text:
                yield _Piece(heading_path=heading_path, text=text, place=_place_of(section, start, end))

    def _fence_tokens(self, text: str) -> int:
        """Return the tokens to reserve for repeated fences; 0 without code blocks or if they take too much room."""
        needed = max((self._count(fences) for fences in _fence_pairs(text)), default=0)
        return needed if needed < self._max_tokens * _MAX_FENCE_SHARE else 0

    def _shorten(self, heading_path: tuple[str, ...]) -> tuple[str, ...]:
        """Drop the outermost headings, then the end of the innermost one, until enough room remains for text."""
        room = int(self._max_tokens * _MAX_HEADING_SHARE)
        while len(heading_path) > 1 and self._count(" > ".join(heading_path)) > room:
            heading_path = heading_path[1:]
        spans = self._tokenizer.spans(heading_path[0]) if len(heading_path) == 1 else []
        if len(spans) <= room:
            return heading_path
        innermost = heading_path[0][: spans[room][0]].rstrip()
        return (innermost,) if innermost else ()

    def _split_slab(self, heading_path: tuple[str, ...], text: str, reserve: int) -> Iterator[str]:
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
        """Return the end of the next piece.

        A part can have more tokens than the same text inside the whole, so it shrinks until it fits.
        """
        while True:
            end = _best_cut(text, position, starts, room)
            excess = self._count(passage_of(heading_path, text[position:end])) + reserve - self._max_tokens
            if excess <= 0 or room <= 1:
                return end
            room = max(1, room - excess)

    def _fits(self, heading_path: tuple[str, ...], text: str) -> bool:
        return len(text) <= self._max_tokens * _MAX_CHARACTERS_PER_TOKEN and (
            self._count(passage_of(heading_path, text)) <= self._max_tokens
        )

    def _count(self, text: str) -> int:
        return len(self._tokenizer.spans(text))


def _place_of(section: Section, start: int, end: int) -> Place:
    """Return the place of the text from `start` to `end`, with the rows of all places in it."""
    first = max(bisect_right(section.places, start, key=itemgetter(0)) - 1, 0)
    inside = section.places[first : bisect_left(section.places, end, key=itemgetter(0))]
    if not inside:
        return Place()
    offset, place = inside[0]
    rows = [row for _, other in inside for row in other.rows or ()]
    # A piece can begin in the middle of a block, whose lines follow each other in the file as well.
    begin = next((index for index in range(start, end) if section.text[index] != "\n"), start)
    line = place.line + section.text.count("\n", offset, begin) if place.line else None
    return replace(place, rows=(min(rows), max(rows)) if rows else None, line=line)


def _slabs(text: str) -> Iterator[str]:
    position = 0
    while len(text) - position > _SLAB_CHARACTERS:
        limit = position + _SLAB_CHARACTERS
        end = _nearest_cut(text, limit - _SLAB_CHARACTERS // 4, limit, target=limit) or limit
        yield text[position:end]
        position = end
    yield text[position:]


def _cut_points(spans: Sequence[tuple[int, int]]) -> list[int]:
    """Return the start of each token and further positions inside long unknown words."""
    return [
        point
        for start, end in spans
        for point in ((start,) if end - start <= _LONG_WORD_CHARACTERS else range(start, end, _LONG_WORD_STEP))
    ]


def _best_cut(text: str, position: int, starts: Sequence[int], room: int) -> int:
    """Return the end of a piece of at most `room` tokens; pieces get even lengths, so that the last is not tiny."""
    first = bisect_left(starts, position)
    remaining = len(starts) - first
    if remaining <= room:
        return len(text)
    target = -(-remaining // -(-remaining // room))
    limit = max(starts[first + room], position + 1)
    lowest = starts[first + target // 2]
    return _nearest_cut(text, lowest, limit, target=starts[first + target]) or _between_letters(text, lowest, limit)


def _nearest_cut(text: str, lowest: int, limit: int, *, target: int) -> int:
    """Return the cut of the best kind between `lowest` and `limit` that is nearest to `target`; 0 without any."""
    for cut in _CUTS:
        ends = [match.end() for match in cut.finditer(text, lowest, limit) if match.end() > lowest]
        if ends:
            return min(ends, key=lambda end: abs(end - target))
    return 0


def _between_letters(text: str, lowest: int, limit: int) -> int:
    """Return the last position up to `limit` that parts no letter from its marks and no Thai vowel from its letter."""
    position = limit
    while lowest < position < len(text) and (
        unicodedata.category(text[position])[0] == "M"
        or text[position] in _JOINERS
        or text[position - 1] in _JOINERS
        or text[position - 1] in _LEADING_VOWELS
    ):
        position -= 1
    return position if position > lowest else limit


def _fence_pairs(text: str) -> set[str]:
    """Return the opening and closing line of each kind of code block in the text, as one string per kind."""
    return {f"{_opening_line(fence)}\n{fence['mark']}" for fence in _FENCE.finditer(text)}


def _with_complete_fences(pieces: Iterable[str]) -> Iterator[str]:
    """Close a code block at the end of a piece and open it again in the next one; a piece may become empty."""
    open_fence: re.Match[str] | None = None
    for piece in pieces:
        before, open_fence = open_fence, _open_at_end(piece, open_fence)
        parts = [_opening_line(before) if before else "", piece, open_fence["mark"] if open_fence else ""]
        complete = "\n".join(part for part in parts if part)
        yield _EMPTY_BLOCK.sub("", complete).rstrip() if before or open_fence else piece


def _open_at_end(piece: str, open_fence: re.Match[str] | None) -> re.Match[str] | None:
    for fence in _FENCE.finditer(piece):
        if open_fence is None:
            open_fence = fence
        elif fence["mark"].startswith(open_fence["mark"]) and not fence["info"].strip():
            open_fence = None
    return open_fence


def _opening_line(fence: re.Match[str]) -> str:
    language = (fence["info"].split() or [""])[0]
    return fence["mark"] + (language if len(language) <= _MAX_LANGUAGE_CHARACTERS else "")
