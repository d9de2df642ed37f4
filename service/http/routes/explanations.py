"""`GET /v1/answers/{id}/explain`."""

from dataclasses import asdict

from fastapi import APIRouter
from pydantic import BaseModel, Field

from service.answering import drafts, explanations
from service.http import schemas
from service.http.dependencies import ReadingScope, ResourcesDep
from service.resources import Resources
from service.retrieval import selection
from service.retrieval.reranking.budgeted import RerankExtent
from service.settings import EndpointRerankerSettings, LocalRerankerSettings, Mode

router = APIRouter(prefix="/v1", tags=["answers"])


class Candidate(BaseModel):
    """A passage that came into question."""

    n: int | None = Field(description="The number that markers use; null: the answer was not written from it.")
    document_id: str
    title: str
    heading_path: list[str]
    uri: str
    version: str = Field(description="Of its document, when the answer was given.")
    text: str
    similarity: float = Field(description="Dense score: cosine of question and passage.")
    bm25: float | None = Field(description="Score by words; null where it is not among the best by words.")
    score: float = Field(description="Both fused; the order of search.")
    rerank_score: float | None = Field(description="The reranker's, where it read this passage.")
    fate: selection.SelectionReason = Field(
        description="taken to be answered from (of a refusal, had it been near enough), or why not: beyond_limit, "
        "repeats, document_has_its_share."
    )
    cited: bool

    @classmethod
    def from_candidate(cls, candidate: selection.Candidate, number: int | None, *, cited: bool) -> "Candidate":
        hit, chunk = candidate.hit, candidate.hit.chunk
        return cls(
            n=number,
            document_id=chunk.document_id,
            title=chunk.title,
            heading_path=list(chunk.heading_path),
            uri=chunk.uri,
            version=chunk.version,
            text=chunk.text,
            similarity=round(hit.similarity, 6),
            bm25=None if hit.bm25 is None else round(hit.bm25, 6),
            score=round(hit.score, 6),
            rerank_score=hit.rerank_score,
            fate=candidate.fate,
            cited=cited,
        )


class PromptPart(BaseModel):
    """A stretch of what the model read."""

    name: str = Field(description="system, passages (or quotes), question: what else the user's message says.")
    characters: int
    tokens: int | None = Field(description="Its share, by length, of what the model server counted for the whole.")


class Prompt(BaseModel):
    """What the model read."""

    system: str
    user: str
    parts: list[PromptPart]

    @classmethod
    def from_explanation(cls, explanation: explanations.Explanation) -> "Prompt | None":
        asked = explanation.answer.asked
        if asked is None:
            return None
        parts = [PromptPart(**asdict(part)) for part in explanation.prompt_parts]
        return cls(system=asked.prompt.system, user=asked.prompt.user, parts=parts)


class Versions(BaseModel):
    """What the answer depends on besides the question."""

    model: str
    prompt: schemas.PromptVersion | None
    embedder: str
    embedder_digest: str = Field(description="SHA-256 of its weights; empty where they are elsewhere.")
    reranker: str | None
    collection: str
    revision: str = Field(
        description="Of the collection when the answer was given; a server's collection by its own name."
    )

    @classmethod
    def from_explanation(cls, explanation: explanations.Explanation, resources: Resources) -> "Versions":
        answer, settings = explanation.answer, resources.settings
        reranker = settings.reranker
        return cls(
            model=answer.model,
            prompt=schemas.PromptVersion(**asdict(answer.prompt)) if answer.prompt else None,
            embedder=explanation.embedder.model,
            embedder_digest=explanation.embedder.digest,
            reranker=reranker.model if isinstance(reranker, LocalRerankerSettings | EndpointRerankerSettings) else None,
            collection=settings.store.collection,
            revision=explanation.revision,
        )


class Explanation(BaseModel):
    """Why an answer says what it says."""

    id: str
    question: str
    answer: str
    refused: bool
    nearness: float | None = Field(
        description="Best cosine, ±0.1 by shared words: below `min_similarity` it is refused; null: nothing was found."
    )
    min_similarity: float
    reranking: RerankExtent | None
    candidates: list[Candidate] = Field(description="In the order of search and reranking.")
    prompt: Prompt | None = Field(description="null: no model was asked.")
    usage: schemas.Usage
    timings: dict[str, float]
    mode: Mode
    versions: Versions

    @classmethod
    def from_explanation(cls, explanation: explanations.Explanation, resources: Resources) -> "Explanation":
        answer = schemas.Answer.from_answer(explanation.answer)
        return cls(
            id=answer.id,
            question=explanation.answer.material.question,
            answer=answer.answer,
            refused=answer.refused,
            nearness=round(explanation.nearness, 6) if explanation.answer.material.hits else None,
            min_similarity=resources.settings.retrieval.min_similarity,
            reranking=answer.reranking,
            candidates=_candidates_of(explanation.answer),
            prompt=Prompt.from_explanation(explanation),
            usage=answer.usage,
            timings=answer.timings,
            mode=answer.mode,
            versions=Versions.from_explanation(explanation, resources),
        )


@router.get("/answers/{answer_id}/explain")
async def explain(answer_id: str, resources: ResourcesDep, scope: ReadingScope) -> Explanation:
    """Why an answer says what it says: what was found and what became of it, what the model read, versions, times."""
    return Explanation.from_explanation(resources.explanations.explain(scope, answer_id), resources)


def _candidates_of(answer: drafts.Answer) -> list[Candidate]:
    numbers = {} if answer.refused else {hit.chunk.id: n for n, hit in enumerate(answer.material.hits, start=1)}
    cited = {citation.number for citation in answer.citations}
    return [
        Candidate.from_candidate(candidate, number, cited=number in cited)
        for candidate in answer.material.candidates
        for number in [numbers.get(candidate.hit.chunk.id)]
    ]
