"""Passages for tests that look at lists of them."""

from rag.types import Chunk, DocumentId, ScoredChunk


def chunk(text: str, *, document: str = "doc", ordinal: int = 0, heading: str = "Guide", version: str = "v1") -> Chunk:
    return Chunk(
        id=f"{document}-{ordinal}",
        document_id=DocumentId(document),
        uri=f"file:///{document}.md",
        media_type="text/markdown",
        title=document,
        heading_path=(heading,),
        text=text,
        ordinal=ordinal,
        version=version,
        ingested_at=0.0,
        chunk_count=9,
    )


def hit(text: str, *, score: float = 0.5, similarity: float = 0.5, **more) -> ScoredChunk:
    return ScoredChunk(chunk=chunk(text, **more), score=score, similarity=similarity)


def texts(hits) -> list[str]:
    return [found.chunk.text for found in hits]
