"""What goes over the wire, validated once: requests reject what they do not know."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from rag.formats import MediaType
from rag.inbox.base import Progress
from rag.types import Chunk, ChunkFilter, DocumentId
from service.answering import drafts
from service.retrieval.reranking.budgeted import RerankExtent
from service.settings import Mode

_MAX_FILTER_VALUES = 100
_MAX_FILTER_KEYS = 32
_FilterValues = Annotated[list[str], Field(max_length=_MAX_FILTER_VALUES)]


class Filter(BaseModel):
    """Which passages qualify: values of one field are alternatives, fields must all hold."""

    model_config = ConfigDict(extra="forbid")

    document_id: _FilterValues = Field([], examples=[["handbook"]])
    uri: _FilterValues = []
    uri_prefix: _FilterValues = Field([], description="Beginnings of URIs: a folder, a site.")
    media_type: list[MediaType] = []
    ingested_since: AwareDatetime | None = Field(None, description="With a time zone; it counts itself.")
    ingested_before: AwareDatetime | None = None
    metadata: Annotated[dict[str, _FilterValues], Field(max_length=_MAX_FILTER_KEYS)] = Field(
        {}, description="Keys to values, as documents were given them.", examples=[{"team": ["ops"]}]
    )

    def to_chunk_filter(self) -> ChunkFilter:
        return ChunkFilter(
            document_ids=tuple(DocumentId(value) for value in self.document_id),
            uris=tuple(self.uri),
            uri_prefixes=tuple(self.uri_prefix),
            media_types=tuple(self.media_type),
            ingested_since=self.ingested_since.timestamp() if self.ingested_since else None,
            ingested_before=self.ingested_before.timestamp() if self.ingested_before else None,
            metadata={key: tuple(values) for key, values in self.metadata.items()},
        )


class SearchRequest(BaseModel):
    """A question, and what may answer it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] = Field(
        examples=["How do I run it?"]
    )
    limit: int | None = Field(None, ge=1, le=50, description="Passages to draw on; unset: the service's own number.")
    filter: Filter = Filter()


class AnswerRequest(SearchRequest):
    """A question to be answered."""

    mode: Mode | None = Field(None, description="How to write the answer; unset: the service's own way.")
    stream: bool = Field(False, description="true: server-sent events `sources`, `token`…, `done`, or `error`.")


class Citation(BaseModel):
    """A passage under the number that markers in the answer use."""

    n: int
    document_id: str
    title: str
    heading_path: list[str]
    uri: str
    metadata: dict[str, str]
    score: float = Field(description="Both rankings' scores, fused: orders the passages of one search.")
    similarity: float = Field(description="Cosine of question and passage.")
    rerank_score: float | None = Field(description="The reranker's, where it read this passage.")
    bm25: float | None = Field(description="Score by words; null where it is not among the best by words.")
    text: str
    quote: str | None = Field(description="The words of `text` that carry the answer, where they are known.")

    @classmethod
    def from_citation(cls, citation: drafts.Citation) -> "Citation":
        chunk = citation.hit.chunk
        return cls(
            n=citation.number,
            document_id=chunk.document_id,
            title=chunk.title,
            heading_path=list(chunk.heading_path),
            uri=chunk.uri,
            metadata=dict(chunk.metadata),
            score=round(citation.hit.score, 6),
            similarity=round(citation.hit.similarity, 6),
            rerank_score=citation.hit.rerank_score,
            bm25=None if citation.hit.bm25 is None else round(citation.hit.bm25, 6),
            text=chunk.text,
            quote=citation.quote,
        )


class Usage(BaseModel):
    """Tokens as the model server counted them; null where no model was asked or it did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class PromptVersion(BaseModel):
    """What the model was told."""

    name: str
    version: str
    hash: str = Field(description="First 12 hex digits of the SHA-256 of its text, variables unfilled.")


class Answer(BaseModel):
    """An answer with its evidence."""

    id: str
    answer: str
    refused: bool = Field(description="true: the documents do not hold it, and no model was asked.")
    citations: list[Citation]
    usage: Usage
    timings: dict[str, float] = Field(description="Seconds by stage, and in total since the request arrived.")
    model: str
    mode: Mode
    prompt: PromptVersion | None = Field(description="null: no model was asked.")
    reranking: RerankExtent | None = Field(
        description="How far the time for the reranker reached; null: there is none."
    )

    @classmethod
    def from_answer(cls, answer: drafts.Answer) -> "Answer":
        usage = answer.usage
        return cls(
            id=answer.id,
            answer=answer.text,
            refused=answer.refused,
            citations=[Citation.from_citation(citation) for citation in answer.citations],
            usage=Usage(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)
            if usage
            else Usage(),
            timings=answer.timings,
            model=answer.model,
            mode=answer.mode,
            prompt=PromptVersion(**asdict(answer.prompt)) if answer.prompt else None,
            reranking=answer.reranking,
        )


class SearchResponse(BaseModel):
    """The passages, best first."""

    results: list[Citation]
    timings: dict[str, float]
    reranking: RerankExtent | None = Field(None, description="As in an answer.")


class Update(BaseModel):
    """A replacement or a removal that is not in yet, or was rejected."""

    state: Literal["queued", "processing", "rejected"]
    reason: str | None = None


class DocumentState(BaseModel):
    """A document, or how far it has come. `ready`: searches see it, whatever becomes of its update."""

    id: str
    state: Literal["queued", "processing", "ready", "rejected"]
    uri: str = ""
    reason: str | None = None
    title: str | None = None
    media_type: MediaType | None = None
    chunks: int | None = None
    ingested_at: datetime | None = None
    metadata: dict[str, str] = {}
    update: Update | None = Field(None, description="What was sent since; null: there is nothing newer than this.")

    @classmethod
    def from_first_chunk(cls, chunk: Chunk, progress: Progress | None = None) -> "DocumentState":
        return cls(
            id=chunk.document_id,
            state="ready",
            uri=chunk.uri,
            title=chunk.title,
            media_type=chunk.media_type,
            chunks=chunk.chunk_count,
            ingested_at=datetime.fromtimestamp(chunk.ingested_at, UTC),
            metadata=dict(chunk.metadata),
            update=Update(state=progress.state, reason=progress.reason) if progress else None,
        )

    @classmethod
    def from_progress(cls, progress: Progress) -> "DocumentState":
        return cls(id=progress.document_id, state=progress.state, uri=progress.uri, reason=progress.reason)


class DocumentList(BaseModel):
    """Every document of the tenant: what is under way or rejected first, then by title."""

    documents: list[DocumentState]


class Accepted(BaseModel):
    """The worker will see to it; `GET /v1/documents/{id}` tells how far it is."""

    id: str
    state: Literal["queued"] = "queued"


class Status(BaseModel):
    """A probe's answer."""

    status: Literal["ok", "unavailable", "stopping"]
    detail: dict[str, Any] = {}
