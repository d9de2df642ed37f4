"""Bodies of `/v1/answers/{id}/explain`."""

from typing import Self

from pydantic import BaseModel, Field

from service.answering.drafts import Answer
from service.answering.explanations import Explanation
from service.generation.base import Usage
from service.http.schemas.answers import AnswerResponse, PromptVersionOut, UsageOut
from service.http.schemas.search import PassageOut, Reranking, Timings
from service.retrieval.selection import SelectionReason
from service.settings import Mode, NoRerankerSettings, Settings
from service.writing.base import SentPrompt


class CandidateOut(PassageOut):
    """A passage that the search considered."""

    n: int | None = Field(description="Number that markers use. Null if the answer was not written from this passage.")
    version: str = Field(description="Version of the document at the time of the answer.")
    fate: SelectionReason = Field(
        description="taken: selected for the answer, or, if the answer was declined, not relevant enough. "
        "beyond_limit: other passages are better. repeats: duplicate of a better passage. "
        "document_has_its_share: its document has enough passages."
    )
    cited: bool


class PromptPartOut(BaseModel):
    """A section of the prompt."""

    name: str = Field(description="system; passages (or quotes); question: the rest of the user message.")
    characters: int
    tokens: int | None = Field(description="Estimate, in proportion to the characters. Null if unknown.")


class PromptOut(BaseModel):
    """The prompt that the model received."""

    system: str
    user: str
    parts: list[PromptPartOut]

    @classmethod
    def from_sent_prompt(cls, sent: SentPrompt, usage: Usage | None) -> Self:
        system, user = sent.prompt.system, sent.prompt.user
        # A prompt version may omit the passages. The user message is then shorter than they are.
        passages = min(sent.passages, len(user))
        lengths = {"system": len(system), "passages": passages, "question": len(user) - passages}
        tokens_per_character = usage.prompt_tokens / (sum(lengths.values()) or 1) if usage else 0.0
        parts = [
            PromptPartOut(name=name, characters=length, tokens=round(length * tokens_per_character) if usage else None)
            for name, length in lengths.items()
        ]
        return cls(system=system, user=user, parts=parts)


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
    def from_explanation(cls, explanation: Explanation, settings: Settings) -> Self:
        reranker = settings.reranker
        return cls(
            model=explanation.answer.model,
            prompt=explanation.answer.prompt,
            embedder=explanation.embedder.model,
            embedder_digest=explanation.embedder.digest,
            reranker=None if isinstance(reranker, NoRerankerSettings) else reranker.model,
            collection=settings.store.collection,
            revision=explanation.revision,
        )


class ExplanationResponse(BaseModel):
    """The origin of an answer: candidates, prompt, versions and timings."""

    id: str
    asked: str = Field(description="The question as the client asked it.")
    question: str = Field(description="The question that was searched: a follow-up is rewritten to stand alone.")
    answer: str
    declined: bool
    unsure: bool
    nearness: float | None = Field(
        description="Relevance of the best passage: cosine ±0.1 for shared words, or 1 if the question is or names a "
        "term that the passage contains. The answer is declined if it is below `min_similarity`, or if no passage "
        "contains the code that the question is about. Null if the search found no passage."
    )
    min_similarity: float
    confidence: float | None = Field(
        description="Probability that the quotes answer. The answer is declined if it is below `min_confidence`, "
        "and otherwise unsure if it is below `sure_confidence`. Null if it was not computed: the answer was declined "
        "before, a model wrote it, or the passages contain only headings and questions."
    )
    min_confidence: float
    sure_confidence: float
    reranking: Reranking
    candidates: list[CandidateOut] = Field(description="In the order of search and reranking.")
    prompt: PromptOut | None = Field(description="Null if no model was called.")
    usage: UsageOut
    timings: Timings
    mode: Mode
    versions: VersionsOut

    @classmethod
    def from_explanation(cls, explanation: Explanation, settings: Settings) -> Self:
        answer = AnswerResponse.from_answer(explanation.answer)
        writing_input, sent = explanation.answer.writing_input, explanation.answer.sent_prompt
        return cls(
            id=answer.id,
            asked=writing_input.asked,
            question=writing_input.question,
            answer=answer.answer,
            declined=answer.declined,
            unsure=answer.unsure,
            nearness=round(explanation.nearness, 6) if writing_input.hits else None,
            min_similarity=settings.retrieval.min_similarity,
            confidence=None if writing_input.confidence is None else round(writing_input.confidence, 6),
            min_confidence=settings.answering.min_confidence,
            sure_confidence=settings.answering.sure_confidence,
            reranking=answer.reranking,
            candidates=_candidates_of(explanation.answer),
            prompt=PromptOut.from_sent_prompt(sent, explanation.answer.usage) if sent else None,
            usage=answer.usage,
            timings=answer.timings,
            mode=answer.mode,
            versions=VersionsOut.from_explanation(explanation, settings),
        )


def _candidates_of(answer: Answer) -> list[CandidateOut]:
    hits = () if answer.declined else answer.writing_input.hits
    numbers = {hit.chunk.id: number for number, hit in enumerate(hits, start=1)}
    cited = {citation.number for citation in answer.citations}
    return [
        CandidateOut.from_hit(
            candidate.hit,
            n=(number := numbers.get(candidate.hit.chunk.id)),
            version=candidate.hit.chunk.version,
            fate=candidate.reason,
            cited=number in cited,
        )
        for candidate in answer.writing_input.candidates
    ]
