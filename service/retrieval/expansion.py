"""A found passage together with what stands around it in its document."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rag.types import Chunk, ChunkFilter, ScoredChunk

AROUND = 2
"""So many passages on each side at most."""

# Few enough that a budget holds for every tokenizer, whatever the language.
_CHARACTERS_PER_TOKEN = 3
_LEAST_OVERLAP = 16
_SENTENCE_ENDS = (".", "!", "?", ":", "…", "```")


def around(hits: Sequence[ScoredChunk]) -> ChunkFilter:
    """Where the neighbours of these are, and some more: one call for all of them."""
    ordinals = {hit.chunk.ordinal + distance for hit in hits for distance in range(-AROUND, AROUND + 1)}
    return ChunkFilter(
        document_ids=tuple({hit.chunk.document_id: None for hit in hits}),
        ordinals=tuple(sorted(ordinal for ordinal in ordinals if ordinal >= 0)),
    )


def expand(hits: Sequence[ScoredChunk], neighbours: Iterable[Chunk], *, tokens: int) -> list[ScoredChunk]:
    """Each hit with its neighbours stitched to it, the best hit first, until all together have so many tokens.

    A neighbour is of the same version and under the same heading. What is a hit itself stays one.
    """
    free = {_place(chunk): chunk for chunk in neighbours}
    for hit in hits:
        free.pop(_place(hit.chunk), None)
    left = tokens * _CHARACTERS_PER_TOKEN - sum(len(hit.chunk.text) for hit in hits)
    expanded = []
    for hit in hits:
        text = _stitch(hit.chunk, free, left)
        left -= len(text) - len(hit.chunk.text)
        expanded.append(replace(hit, chunk=replace(hit.chunk, text=text)))
    return expanded


def _stitch(chunk: Chunk, free: dict[tuple[str, str, int], Chunk], room: int) -> str:
    """Takes what it uses from `free`; the nearest first, and on each side only as far as there is no gap."""
    text, open_sides = chunk.text, {1, -1}
    for distance in range(1, AROUND + 1):
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
            del free[_place(neighbour)]
    return text


def _place(chunk: Chunk) -> tuple[str, str, int]:
    return chunk.document_id, chunk.version, chunk.ordinal


def _join(first: str, second: str) -> str:
    """Chunkers may let neighbours overlap: what both have stands once."""
    for size in range(min(len(first), len(second)), _LEAST_OVERLAP - 1, -1):
        if first.endswith(second[:size]):
            return first + second[size:]
    return f"{first}\n\n{second}" if first.endswith(_SENTENCE_ENDS) else f"{first}\n{second}"
