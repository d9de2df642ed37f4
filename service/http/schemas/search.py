"""Bodies of `/v1/search`: filters and passages, which other routes use, too."""

import re
from typing import Annotated, Any, Self, cast

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict  # Pydantic refuses the one of `typing` before Python 3.12.

from rag.formats import MediaType
from rag.types import ChunkFilter, DocumentId, ScoredChunk, to_place_fields
from service.answering.drafts import Citation
from service.retrieval.reranking.budgeted import RerankExtent

# A filter becomes a query of the store. Without bounds a single request could make that query arbitrarily expensive.
_MAX_FILTER_VALUES, _MAX_FILTER_KEYS = 100, 32
# A bound also makes Pydantic reject half of a surrogate pair, which JSON can carry and no store can.
_FilterText = Annotated[str, Field(max_length=4_000)]
_FilterValues = Annotated[list[_FilterText], Field(max_length=_MAX_FILTER_VALUES)]
# RFC 3339, as the format `date-time` of JSON Schema says. Pydantic would also read numbers, as seconds since 1970.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
# A character that a reader sees: no space, and none that Unicode calls ignorable or a filler, such as U+200B.
_VISIBLE = (
    r"[^\s\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8]"
)


def is_visible(text: str) -> bool:
    """Return whether a reader sees anything of the text."""
    return re.search(_VISIBLE, text) is not None


def _require_visible(text: str) -> str:
    if not is_visible(text):
        raise ValueError("Send a question with at least one visible character")
    return text


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

    question: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_require_visible)
    ] = Field(examples=["How do I run it?"], json_schema_extra={"pattern": _VISIBLE})
    limit: Annotated[int, Field(ge=1, le=50), Whole] | None = Field(
        None, description="Number of passages. Unset: RAG_RETRIEVAL__LIMIT."
    )
    filter: FilterRequest = FilterRequest()


class PlaceOut(TypedDict, total=False):
    """Position of a passage in its document. It has only the fields that the format knows; numbers start at 1."""

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


Timings = Annotated[dict[str, float], Field(description="Seconds by stage, and in total since the request arrived.")]
Reranking = Annotated[
    RerankExtent | None, Field(description="How many candidates the reranker scored in time. Null without a reranker.")
]


class SearchResponse(BaseModel):
    """The passages, best first."""

    results: list[CitationOut]
    timings: Timings
    reranking: Reranking = None
