"""Passages for tests of retrieval, and the page that tests of answers use."""

from rag.settings import TimeoutSettings
from rag.types import Chunk, DocumentId, Scope, ScoredChunk

SCOPE = Scope(tenant="default")
PAGE = b"# Bridge\n\nThe old bridge was opened to traffic in March 1932. It carries eight lanes and two tracks."
QUESTION = "When was the bridge opened?"
# Long enough that no call times out on a busy machine.
PATIENT = TimeoutSettings(connect=60, read=120)


def chunk(
    text: str,
    *,
    document: str = "doc",
    ordinal: int = 0,
    heading: str = "Guide",
    version: str = "v1",
    language: str = "",
) -> Chunk:
    return Chunk(
        id=f"{document}-{ordinal}",
        document_id=DocumentId(document),
        uri=f"file:///{document}.md",
        media_type="text/markdown",
        title=document,
        heading_path=(heading,) if heading else (),
        text=text,
        ordinal=ordinal,
        version=version,
        ingested_at=0.0,
        chunk_count=9,
        language=language,
    )


def hit(text: str, *, score: float = 0.5, similarity: float = 0.5, **more) -> ScoredChunk:
    return ScoredChunk(chunk=chunk(text, **more), score=score, similarity=similarity)


def texts(hits) -> list[str]:
    return [hit.chunk.text for hit in hits]
