"""Bodies of `/v1/answers/{id}/explain`."""

from dataclasses import asdict

from pydantic import BaseModel, Field

from service.answering.drafts import Answer
from service.answering.explanations import Explanation
from service.http.schemas.answers import AnswerResponse, PromptVersionOut, UsageOut
from service.retrieval.reranking.budgeted import RerankExtent
from service.retrieval.selection import Candidate, SelectionReason
from service.settings import EndpointRerankerSettings, LocalRerankerSettings, Mode, Settings


class CandidateOut(BaseModel):
    """A passage that the search considered."""

    n: int | None = Field(description="Number that markers use. Null if the answer was not written from this passage.")
    document_id: str
    title: str
    heading_path: list[str]
    uri: str
    version: str = Field(description="Version of the document at the time of the answer.")
    text: str
    similarity: float = Field(description="Cosine similarity of question and passage.")
    bm25: float | None = Field(description="BM25 score. Null if the passage is not among the best BM25 hits.")
    score: float = Field(description="Fused score of dense search and BM25.")
    rerank_score: float | None = Field(description="Score of the reranker. Null if it did not score this passage.")
    fate: SelectionReason = Field(
        description="taken: selected for the answer, or for a refusal the passages that were not relevant enough. "
        "beyond_limit: other passages are better. repeats: duplicate of a better passage. "
        "document_has_its_share: its document has enough passages."
    )
    cited: bool

    @classmethod
    def from_candidate(cls, candidate: Candidate, number: int | None, *, cited: bool) -> "CandidateOut":
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
            fate=candidate.reason,
            cited=cited,
        )


class PromptPartOut(BaseModel):
    """A section of the prompt."""

    name: str = Field(description="system; passages (or quotes); question: the rest of the user message.")
    characters: int
    tokens: int | None = Field(
        description="Estimate: the prompt's token count, divided in proportion to the characters. Null if unknown."
    )


class PromptOut(BaseModel):
    """The prompt that the model received."""

    system: str
    user: str
    parts: list[PromptPartOut]

    @classmethod
    def from_explanation(cls, explanation: Explanation) -> "PromptOut | None":
        sent = explanation.answer.sent_prompt
        if sent is None:
            return None
        parts = [PromptPartOut(**asdict(part)) for part in explanation.prompt_parts]
        return cls(system=sent.prompt.system, user=sent.prompt.user, parts=parts)


class VersionsOut(BaseModel):
    """Versions of the models, the prompt and the collection that produced the answer."""

    model: str
    prompt: PromptVersionOut | None
    embedder: str
    embedder_digest: str = Field(description="SHA-256 of the embedder's weights. Empty for an embedding server.")
    reranker: str | None
    collection: str
    revision: str = Field(
        description="Revision of the collection at the time of the answer. "
        "With a Qdrant server: the name of the collection behind the alias."
    )

    @classmethod
    def from_explanation(cls, explanation: Explanation, settings: Settings) -> "VersionsOut":
        answer, reranker = explanation.answer, settings.reranker
        return cls(
            model=answer.model,
            prompt=PromptVersionOut(**asdict(answer.prompt)) if answer.prompt else None,
            embedder=explanation.embedder.model,
            embedder_digest=explanation.embedder.digest,
            reranker=reranker.model if isinstance(reranker, LocalRerankerSettings | EndpointRerankerSettings) else None,
            collection=settings.store.collection,
            revision=explanation.revision,
        )


class ExplanationResponse(BaseModel):
    """What led to an answer: candidates, prompt, versions and timings."""

    id: str
    question: str
    answer: str
    refused: bool
    nearness: float | None = Field(
        description="Relevance of the best passage: cosine ±0.1 for shared words. "
        "The answer is a refusal if it is below `min_similarity`. Null if the search found no passage."
    )
    min_similarity: float
    reranking: RerankExtent | None
    candidates: list[CandidateOut] = Field(description="In the order of search and reranking.")
    prompt: PromptOut | None = Field(description="Null if no model was called.")
    usage: UsageOut
    timings: dict[str, float]
    mode: Mode
    versions: VersionsOut

    @classmethod
    def from_explanation(cls, explanation: Explanation, settings: Settings) -> "ExplanationResponse":
        answer = AnswerResponse.from_answer(explanation.answer)
        writing_input = explanation.answer.writing_input
        return cls(
            id=answer.id,
            question=writing_input.question,
            answer=answer.answer,
            refused=answer.refused,
            nearness=round(explanation.nearness, 6) if writing_input.hits else None,
            min_similarity=settings.retrieval.min_similarity,
            reranking=answer.reranking,
            candidates=_candidates_of(explanation.answer),
            prompt=PromptOut.from_explanation(explanation),
            usage=answer.usage,
            timings=answer.timings,
            mode=answer.mode,
            versions=VersionsOut.from_explanation(explanation, settings),
        )


def _candidates_of(answer: Answer) -> list[CandidateOut]:
    hits = () if answer.refused else answer.writing_input.hits
    numbers = {hit.chunk.id: number for number, hit in enumerate(hits, start=1)}
    cited = {citation.number for citation in answer.citations}
    return [
        CandidateOut.from_candidate(candidate, number, cited=number in cited)
        for candidate in answer.writing_input.candidates
        for number in [numbers.get(candidate.hit.chunk.id)]
    ]
