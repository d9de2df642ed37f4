"""Expansion of passages by their neighbours in the document (ADR 18)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rag.types import Chunk, ChunkFilter, ScoredChunk

MAX_DISTANCE = 2
"""Largest number of neighbours on each side."""

CHARACTERS_PER_TOKEN = 3
"""An estimate that is low, so that a budget of tokens holds for every tokenizer and language."""
# Shorter overlaps occur by chance, for example in list markers.
_MIN_OVERLAP = 16
_SENTENCE_ENDS = (".", "!", "?", ":", "…", "```")


def neighbour_filter(hits: Sequence[ScoredChunk]) -> ChunkFilter:
    """Return a filter that matches all neighbours of these passages in one call, and some other passages."""
    ordinals = {hit.chunk.ordinal + distance for hit in hits for distance in range(-MAX_DISTANCE, MAX_DISTANCE + 1)}
    return ChunkFilter(
        document_ids=tuple({hit.chunk.document_id: None for hit in hits}),
        ordinals=tuple(sorted(ordinal for ordinal in ordinals if ordinal >= 0)),
    )


def expand(hits: Sequence[ScoredChunk], neighbours: Iterable[Chunk], *, tokens: int) -> list[ScoredChunk]:
    """Return the hits, extended by their neighbours from the best hit on, until all together have `tokens` tokens.

    A neighbour has the same version and the same heading. A hit is never merged into another hit.
    The place stays that of the passage that was found, with all rows of the text.
    """
    free = {_position(chunk): chunk for chunk in neighbours}
    for hit in hits:
        free.pop(_position(hit.chunk), None)
    left = tokens * CHARACTERS_PER_TOKEN - sum(len(hit.chunk.text) for hit in hits)
    expanded = []
    for hit in hits:
        chunk = _stitch(hit.chunk, free, left)
        left -= len(chunk.text) - len(hit.chunk.text)
        expanded.append(replace(hit, chunk=chunk))
    return expanded


def next_filter(hit: ScoredChunk) -> ChunkFilter:
    """Return a filter that matches the passage after this one."""
    return ChunkFilter(document_ids=(hit.chunk.document_id,), ordinals=(hit.chunk.ordinal + 1,))


def append(hit: ScoredChunk, following: Iterable[Chunk]) -> ScoredChunk:
    """Return the hit with the next passage of the same version and heading at its end, or as it is."""
    wanted = replace(hit.chunk, ordinal=hit.chunk.ordinal + 1)
    for chunk in following:
        if _position(chunk) == _position(wanted) and chunk.heading_path == hit.chunk.heading_path:
            return replace(hit, chunk=replace(hit.chunk, text=_join(hit.chunk.text, chunk.text)))
    return hit


def _stitch(chunk: Chunk, free: dict[tuple[str, str, int], Chunk], room: int) -> Chunk:
    """Return the chunk with its neighbours, the nearest first and without gaps. Used neighbours leave `free`."""
    text, place, open_sides = chunk.text, chunk.place, {1, -1}
    for distance in range(1, MAX_DISTANCE + 1):
        for side in (1, -1):
            neighbour = free.get((chunk.document_id, chunk.version, chunk.ordinal + side * distance))
            if side not in open_sides or neighbour is None or neighbour.heading_path != chunk.heading_path:
                open_sides.discard(side)
                continue
            longer = _join(text, neighbour.text) if side == 1 else _join(neighbour.text, text)
            if len(longer) - len(chunk.text) > room:
                open_sides.discard(side)
                continue
            text = longer
            if place.rows and neighbour.place.rows and place.sheet == neighbour.place.sheet:
                rows = (*place.rows, *neighbour.place.rows)
                place = replace(place, rows=(min(rows), max(rows)))
            del free[_position(neighbour)]
    return replace(chunk, text=text, place=place)


def _position(chunk: Chunk) -> tuple[str, str, int]:
    return chunk.document_id, chunk.version, chunk.ordinal


def _join(first: str, second: str) -> str:
    """Join two texts. If they overlap, as some chunkers let them, the overlap appears once."""
    for size in range(min(len(first), len(second)), _MIN_OVERLAP - 1, -1):
        if first.endswith(second[:size]):
            return first + second[size:]
    return f"{first}\n\n{second}" if first.endswith(_SENTENCE_ENDS) else f"{first}\n{second}"
