"""What a collection has and how it answers: written down when it is backed up, compared when it comes back."""

from dataclasses import dataclass

from rag.errors import BadResponse
from rag.store.base import StoreReader
from rag.types import FIRST_CHUNKS, ChunkFilter, DocumentId, Query, Scope

_TENANTS_ASKED = 10
_QUESTIONS_EACH = 5
_PASSAGES = 5
_SCORE_DIGITS = 4
# An approximate search may differ here and there; below this share something is wrong with the collection.
_LEAST_SAME = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A stored passage put as a question with its own vector, so that no embedder is needed, and what it found."""

    tenant: str
    document_id: str
    found: tuple[tuple[str, float], ...]
    """Ids of chunks with their scores, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Counts over all tenants, and a few answers."""

    documents: int
    chunks: int
    asked: tuple[Asked, ...]


async def look_into(reader: StoreReader) -> Contents:
    """Counts it, and asks it a few passages of its first tenants."""
    survey = await reader.survey(since=0)
    asked: list[Asked] = []
    for tenant in survey.tenants[:_TENANTS_ASKED]:
        chosen: list[str] = []
        async for chunk in reader.scroll(Scope(tenant=tenant), FIRST_CHUNKS):
            chosen.append(chunk.document_id)
            if len(chosen) == _QUESTIONS_EACH:
                break
        asked += [await _ask(reader, tenant, document_id) for document_id in chosen]
    return Contents(documents=survey.documents, chunks=survey.chunks, asked=tuple(asked))


async def require_same(reader: StoreReader, expected: Contents) -> int:
    """How many of the questions find the same passages with the same scores as before.

    Raises `BadResponse` where the counts differ, or too many of the answers.
    """
    survey = await reader.survey(since=0)
    if (survey.documents, survey.chunks) != (expected.documents, expected.chunks):
        raise BadResponse(
            f"{survey.documents:,} documents and {survey.chunks:,} chunks came back, and {expected.documents:,} and "
            f"{expected.chunks:,} were backed up. Nothing was switched."
        )
    again = [await _ask(reader, before.tenant, before.document_id) for before in expected.asked]
    same = sum(now == before for now, before in zip(again, expected.asked, strict=True))
    if same < _LEAST_SAME * len(again):
        raise BadResponse(
            f"Of {len(again)} questions {same} find what they found when the backup was made. Nothing was switched."
        )
    return same


async def _ask(reader: StoreReader, tenant: str, document_id: str) -> Asked:
    scope, own = Scope(tenant=tenant), ChunkFilter(document_ids=(DocumentId(document_id),), ordinals=(0,))
    found: tuple[tuple[str, float], ...] = ()
    async for point in reader.scroll_points(scope, own):
        hits = await reader.search(scope, Query(text=point.chunk.text, vector=point.vector), limit=_PASSAGES)
        found = tuple((hit.chunk.id, round(hit.score, _SCORE_DIGITS)) for hit in hits)
    return Asked(tenant=tenant, document_id=document_id, found=found)
