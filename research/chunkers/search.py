"""Searches the passages of all corpora in a temporary collection, as the product does."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid5

from rag.embedding.base import Embedder
from rag.store.edge.store import open_edge_writer
from rag.types import Chunk, DocumentId, Point, Query, Scope
from research.chunkers.benchmark import Benchmark, Span
from research.chunkers.chunkers import Cut
from research.chunkers.scores import Retrieved
from research.vectors import embed_once

Mode = Literal["dense", "hybrid"]

_SHARES: Mapping[Mode, float] = {"dense": 0.0, "hybrid": 0.5}
_SCOPE = Scope(tenant="evaluation")
_NAMESPACE = UUID("6a4c8f52-53c4-5d15-9a35-6f0a9f2f4c11")
_SLICE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Rankings:
    """The retrieved spans of each question, in the benchmark's order, best first."""

    rankings: Mapping[Mode, Sequence[Sequence[Retrieved]]]
    chunks: Mapping[str, Sequence[Span]]
    """The spans of all passages, by corpus."""


async def search_all(benchmark: Benchmark, cut: Cut, embedder: Embedder, *, depth: int, cache: Path) -> Rankings:
    """Search for all questions in each mode. Vectors are cached in `cache`."""
    pieces = {name: cut(text) for name, text in benchmark.corpora.items()}
    parts = {
        _id_of(corpus, at): Retrieved(corpus=corpus, span=piece.span)
        for corpus, own in pieces.items()
        for at, piece in enumerate(own)
    }
    vectors = await embed_once([piece.passage for own in pieces.values() for piece in own], embedder, cache)
    questions = await embed_once([question.text for question in benchmark.questions], embedder, cache)
    chunks = [
        _to_chunk(corpus, at, piece.passage, len(own)) for corpus, own in pieces.items() for at, piece in enumerate(own)
    ]
    points = [Point(chunk=chunk, vector=vector) for chunk, vector in zip(chunks, vectors, strict=True)]
    rankings: dict[Mode, list[list[Retrieved]]] = {mode: [] for mode in _SHARES}
    with tempfile.TemporaryDirectory() as scratch:
        async with open_edge_writer(Path(scratch), embedder.identity) as store:
            for start in range(0, len(points), _SLICE):
                await store.stage(_SCOPE, points[start : start + _SLICE])
            for corpus in pieces:
                await store.commit(_SCOPE, DocumentId(corpus), "1")
            for question, vector in zip(benchmark.questions, questions, strict=True):
                for mode, share in _SHARES.items():
                    query = Query(text=question.text, vector=vector, words_share=share)
                    hits = await store.search(_SCOPE, query, limit=depth)
                    rankings[mode].append([parts[hit.chunk.id] for hit in hits])
    return Rankings(rankings=rankings, chunks={name: [piece.span for piece in own] for name, own in pieces.items()})


def _to_chunk(corpus: str, at: int, passage: str, count: int) -> Chunk:
    return Chunk(
        id=_id_of(corpus, at),
        document_id=DocumentId(corpus),
        uri=f"corpus:{corpus}",
        media_type="text/plain",
        title="",
        heading_path=(),
        text=passage,
        language="en",
        ordinal=at,
        version="1",
        ingested_at=0.0,
        chunk_count=count,
    )


def _id_of(corpus: str, at: int) -> str:
    return str(uuid5(_NAMESPACE, f"{corpus}\n{at}"))
