"""Bodies of `/v1/answers` and `/v1/search`."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self, cast

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict  # Pydantic refuses the one of `typing` before Python 3.12.

from rag.formats import MediaType
from rag.types import ChunkFilter, DocumentId, ScoredChunk, to_place_fields
from service.answering.drafts import Answer, Citation, Membership
from service.generation.base import FinishReason
from service.retrieval.reranking.budgeted import RerankExtent
from service.settings import Mode
from service.writing.base import Groundedness, StepName

# A filter becomes a query of the store. Without bounds a single request could make that query arbitrarily expensive.
_MAX_FILTER_VALUES, _MAX_FILTER_KEYS = 100, 32
# A bound also makes Pydantic reject half of a surrogate pair, which JSON can carry and no store can.
_FilterText = Annotated[str, Field(max_length=4_000)]
_FilterValues = Annotated[list[_FilterText], Field(max_length=_MAX_FILTER_VALUES)]
# RFC 3339, as the format `date-time` of JSON Schema says. Pydantic would also read numbers, as seconds since 1970.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


def _check_time(value: Any) -> Any:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("Send a time with a time zone, such as 2026-01-31T12:00:00Z")
    return value


def _to_whole(value: Any) -> Any:
    """Return a number such as 5.0 as an integer. JSON does not distinguish them."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_to_whole)
"""Accepts a whole number that is written as 5.0."""

_Time = Annotated[AwareDatetime, BeforeValidator(_check_time)]


class FilterRequest(BaseModel):
    """Conditions on passages: any value of one field may match, and all fields must match."""

    model_config = ConfigDict(extra="forbid")

    document_id: _FilterValues = Field([], examples=[["handbook"]])
    uri: _FilterValues = []
    uri_prefix: _FilterValues = Field([], description="Prefixes of URIs, such as a folder or a site.")
    media_type: list[MediaType] = []
    ingested_since: _Time | None = Field(None, description="Earliest time of ingestion, with a time zone.")
    ingested_before: _Time | None = Field(
        None, description="Time before which the document was ingested, with a time zone."
    )
    metadata: Annotated[dict[_FilterText, _FilterValues], Field(max_length=_MAX_FILTER_KEYS)] = Field(
        {}, description="Accepted values for each metadata key of the document.", examples=[{"team": ["ops"]}]
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
    """A question and the passages to search."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] = Field(
        examples=["How do I run it?"], json_schema_extra={"pattern": r"\S"}
    )
    limit: Annotated[int, Field(ge=1, le=50), Whole] | None = Field(
        None, description="Number of passages. Unset: RAG_RETRIEVAL__LIMIT."
    )
    filter: FilterRequest = FilterRequest()


ConversationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


class AnswerRequest(SearchRequest):
    """A question to answer."""

    mode: Mode | None = Field(None, description="How to write the answer. Unset: the configured mode.")
    conversation_id: ConversationId | None = Field(
        None,
        description="A name of your choice, such as a random UUID. The question may refer to earlier questions "
        "of the conversation, and its answer is kept there. Unset: the question stands alone, and nothing is kept.",
        examples=["5f0c1d9e-6a37-4f6e-9d1b-0a8f3e6c2b41"],
    )
    stream: bool = Field(
        False,
        description="True: stream `sources`, then `token` events, then `done` or `error`. "
        "In the mode `agentic`, `step` events tell what is being done.",
    )


class ConversationOut(BaseModel):
    """The conversation that an answer belongs to."""

    id: str
    is_kept: bool = Field(
        description="False if the shared state could not be reached: the answer was written without the earlier turns, "
        "or later turns will not know it."
    )

    @classmethod
    def from_membership(cls, membership: Membership) -> Self:
        return cls(id=membership.conversation_id, is_kept=membership.is_kept)


class PlaceOut(TypedDict, total=False):
    """Where a passage begins in its document. It has only what the format knows; numbers start at 1."""

    page: int
    slide: int
    sheet: str
    rows: Annotated[
        list[int],
        Field(
            min_length=2, max_length=2, description="First and last row of the passage, as a spreadsheet numbers them."
        ),
    ]
    line: int


class PassageOut(BaseModel):
    """A passage with its document and its scores."""

    document_id: str
    title: str
    heading_path: list[str]
    place: PlaceOut = Field(examples=[{"page": 3}, {"sheet": "Sales", "rows": [4, 9]}, {"slide": 2}, {"line": 17}])
    uri: str
    ordinal: int = Field(description="Position of the passage in its document, from 0.")
    text: str
    score: float = Field(description="Fused score of dense search and BM25. Comparable only within one search.")
    similarity: float = Field(description="Cosine similarity of question and passage.")
    rerank_score: float | None = Field(description="Score of the reranker. Null if it did not score this passage.")
    bm25: float | None = Field(description="BM25 score. Null if the passage is not among the best BM25 hits.")

    @classmethod
    def from_hit(cls, hit: ScoredChunk, **more: Any) -> Self:
        """Return the passage. `more` holds the fields that a subclass adds."""
        return cls(
            document_id=hit.chunk.document_id,
            title=hit.chunk.title,
            heading_path=list(hit.chunk.heading_path),
            place=cast(PlaceOut, to_place_fields(hit.chunk.place)),
            uri=hit.chunk.uri,
            ordinal=hit.chunk.ordinal,
            text=hit.chunk.text,
            score=round(hit.score, 6),
            similarity=round(hit.similarity, 6),
            rerank_score=hit.rerank_score,
            bm25=None if hit.bm25 is None else round(hit.bm25, 6),
            **more,
        )


class CitationOut(PassageOut):
    """A passage with the number that the answer's markers refer to."""

    n: int
    metadata: dict[str, str]
    quote: str | None = Field(description="Part of `text` that supports the answer. Null if it is not known.")

    @classmethod
    def from_citation(cls, citation: Citation) -> Self:
        metadata = dict(citation.hit.chunk.metadata)
        return cls.from_hit(citation.hit, n=citation.number, metadata=metadata, quote=citation.quote)


class UsageOut(BaseModel):
    """Tokens counted by the model server. Null without a model or if the server does not report them."""

    model_config = ConfigDict(from_attributes=True)

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class PromptVersionOut(BaseModel):
    """The prompt version that the model received."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    version: str
    hash: str = Field(description="First 12 hex digits of the SHA-256 of the template text.")


class UnsupportedSentence(BaseModel):
    """A sentence of the answer that the passages do not support."""

    text: str
    start: int = Field(description="Position of its first character in the answer, from 0, in Unicode code points.")
    citations: list[int] = Field(description="Numbers of the passages that it cites.")


class GroundednessOut(BaseModel):
    """How far the passages support the sentences of the answer."""

    supported: int = Field(description="Sentences that the passages support.")
    unsupported: list[UnsupportedSentence] = Field(description="Sentences that claim something without support.")
    withheld: int = Field(description="Sentences that were left out, if RAG_ANSWERING__UNSUPPORTED=withhold.")

    @classmethod
    def from_groundedness(cls, groundedness: Groundedness, text: str) -> Self:
        unsupported = [
            UnsupportedSentence(text=text[it.start : it.end], start=it.start, citations=list(it.cited))
            for it in groundedness.unsupported
        ]
        return cls(supported=groundedness.supported, unsupported=unsupported, withheld=groundedness.withheld)


Timings = Annotated[dict[str, float], Field(description="Seconds by stage, and in total since the request arrived.")]
Reranking = Annotated[
    RerankExtent | None, Field(description="How many candidates the reranker scored in time. Null without a reranker.")
]


class StepOut(BaseModel):
    """Data of the event `step`, in the mode `agentic` only. Its text has nothing of any document."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="Position from 1. Start and end of a step have the same number.")
    name: StepName = Field(
        description="plan: which searches the question needs. search. grade: which passages answer. reword: another "
        "search for what was not found. write. verify: each sentence against its source. repair: write again. stop: a "
        "bound was reached or the model failed, so the answer is written from what was found."
    )
    status: Literal["started", "done", "failed"]
    text: str = Field(examples=["Searching: When was the mill built?"])


class AnswerResponse(BaseModel):
    """An answer with its citations."""

    id: str
    question: str = Field(
        description="The question that was searched and answered. It differs from the asked one if the question is a "
        "follow-up that was rewritten to stand alone."
    )
    answer: str
    declined: bool = Field(
        description="True if nothing near enough was found, and no model was called, or if everything that it wrote "
        "was withheld. In the mode `agentic` also if the model finds no answer in the passages."
    )
    citations: list[CitationOut]
    nearest: list[CitationOut] = Field(
        description="The passages that came nearest, if the answer was declined. Empty otherwise."
    )
    groundedness: GroundednessOut | None = Field(
        description="Null if the answer was not checked: text of `generate` and `agentic` is."
    )
    corrected: str | None = Field(
        description="The question as it was searched, with misspelt words corrected. Null if none was."
    )
    usage: UsageOut
    finish_reason: FinishReason | None = Field(
        description="Why the model stopped. With `length` the answer is cut off at RAG_ANSWERING__MAX_TOKENS, with "
        "`content_filter` the model server removed text. Null if no model wrote the answer, or its server gave no "
        "such reason."
    )
    timings: Timings
    model: str
    mode: Mode
    prompt: PromptVersionOut | None = Field(description="Null if no model was called.")
    reranking: Reranking
    steps: list[StepOut] = Field(description="The finished steps. Only in the mode `agentic`.")
    conversation: ConversationOut | None = Field(None, description="Null if the question did not name a conversation.")

    @classmethod
    def from_answer(cls, answer: Answer) -> Self:
        return cls(
            id=answer.id,
            question=answer.question,
            answer=answer.text,
            declined=answer.declined,
            citations=[CitationOut.from_citation(citation) for citation in answer.citations],
            nearest=[CitationOut.from_citation(citation) for citation in answer.nearest],
            groundedness=answer.groundedness and GroundednessOut.from_groundedness(answer.groundedness, answer.text),
            corrected=answer.writing_input.corrected or None,
            usage=answer.usage or UsageOut(),
            finish_reason=answer.finish_reason,
            timings=answer.timings,
            model=answer.model,
            mode=answer.mode,
            prompt=answer.prompt,
            reranking=answer.reranking,
            steps=[StepOut.model_validate(step) for step in answer.steps],
            conversation=answer.membership and ConversationOut.from_membership(answer.membership),
        )


class SearchResponse(BaseModel):
    """The passages, best first."""

    results: list[CitationOut]
    timings: Timings
    reranking: Reranking = None


class SourcesEvent(BaseModel):
    """Data of the event `sources`: the passages that the markers of the answer refer to.

    If the answer is declined, they are the passages that came nearest.
    """

    sources: list[CitationOut]

    @classmethod
    def from_citations(cls, citations: Sequence[Citation]) -> Self:
        return cls(sources=[CitationOut.from_citation(citation) for citation in citations])


class TokenEvent(BaseModel):
    """Data of the event `token`: a piece of the answer's text."""

    text: str
