"""A profile of a collection: its counts and the answers to a few questions, to compare a restore with its backup."""

from dataclasses import dataclass

from rag.errors import BadResponse
from rag.store.base import StoreReader
from rag.types import FIRST_CHUNKS, ChunkFilter, DocumentId, Query, Scope

_TENANTS = 10
_QUESTIONS_PER_TENANT = 5
_PASSAGES = 5
_SCORE_DIGITS = 4
# An approximate search may order a few results differently after a restore. A lower share means wrong data.
_MIN_SAME_SHARE = 0.9
_MIN_COMMON_SHARE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """The result of a search with a stored passage's own text and vector, which needs no embedder."""

    tenant: str
    document_id: str
    found: tuple[tuple[str, float], ...]
    """IDs of chunks with their scores, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionProfile:
    """Counts over all tenants, and the answers of some tenants. The field names are those of the manifest file."""

    documents: int
    chunks: int
    asked: tuple[ProbeAnswer, ...]


async def ask_collection(reader: StoreReader) -> list[ProbeAnswer]:
    """Search for the first passages of the first tenants."""
    answers: list[ProbeAnswer] = []
    for tenant in (await reader.survey(since=0)).tenants[:_TENANTS]:
        document_ids: list[str] = []
        async for chunk in reader.scroll(Scope(tenant=tenant), FIRST_CHUNKS):
            document_ids.append(chunk.document_id)
            if len(document_ids) == _QUESTIONS_PER_TENANT:
                break
        answers += [await _probe(reader, tenant, document_id) for document_id in document_ids]
    return answers


async def require_same_profile(reader: StoreReader, expected: CollectionProfile) -> int:
    """Return how many questions have the same answer as before.

    Raises `BadResponse` if the counts differ, or too many of the answers.
    """
    survey = await reader.survey(since=0)
    if (survey.documents, survey.chunks) != (expected.documents, expected.chunks):
        raise BadResponse(
            f"The restored collection has {survey.documents:,} documents and {survey.chunks:,} chunks, but the backup "
            f"has {expected.documents:,} and {expected.chunks:,}. Nothing was switched. Use another backup."
        )
    answers = [await _probe(reader, before.tenant, before.document_id) for before in expected.asked]
    same = sum(has_same_answer(now, before) for now, before in zip(answers, expected.asked, strict=True))
    if same < _MIN_SAME_SHARE * len(answers):
        raise BadResponse(
            f"Only {same} of {len(answers)} questions have the same answer as when the backup was made. "
            "Nothing was switched. Use another backup."
        )
    return same


def has_same_answer(now: ProbeAnswer, before: ProbeAnswer) -> bool:
    """Return whether the first passage is the same, and at least four of five passages are.

    Scores are not compared: they also depend on documents that changed while the backup was made.
    """
    ids, ids_before = ([chunk_id for chunk_id, _ in answer.found] for answer in (now, before))
    return ids[:1] == ids_before[:1] and len({*ids} & {*ids_before}) >= _MIN_COMMON_SHARE * len(ids_before)


async def _probe(reader: StoreReader, tenant: str, document_id: str) -> ProbeAnswer:
    scope, where = Scope(tenant=tenant), ChunkFilter(document_ids=(DocumentId(document_id),), ordinals=(0,))
    found: tuple[tuple[str, float], ...] = ()
    async for point in reader.scroll_points(scope, where):
        hits = await reader.search(scope, Query(text=point.chunk.text, vector=point.vector), limit=_PASSAGES)
        found = tuple((hit.chunk.id, round(hit.score, _SCORE_DIGITS)) for hit in hits)
    return ProbeAnswer(tenant=tenant, document_id=document_id, found=found)
