"""Bodies of `/v1/documents`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field

from rag.errors import InvalidInput
from rag.formats import FORMAT_NAMES, MediaType, charset_of, media_type_of
from rag.parsing_warnings import WarningCode
from rag.types import Chunk, DocumentId, RawDocument, to_place_fields
from service.documents.listing import DocumentPage, Sort, to_cursor
from service.documents.state import DocumentState, State, UpdateState
from service.http.schemas.search import PlaceOut
from service.worker_watch import WorkerState, WorkerSummary

METADATA = "metadata."
"""Prefix of query parameters and form fields with metadata."""


class UpdateOut(BaseModel):
    """A replacement or removal of a `ready` document that is pending, was empty or was rejected."""

    state: UpdateState = Field(description="`unknown`: the inbox cannot be reached, so an update may be pending.")
    reason: str | None = None


class WarningOut(BaseModel):
    """What is missing or uncertain in a document that was ingested."""

    model_config = ConfigDict(from_attributes=True)

    code: WarningCode
    message: str
    count: int = Field(description="How many pages, characters, objects or other things are affected.")
    place: str = Field(description="Where, in words: `pages 2 to 5`. Empty if it is everywhere or not known.")
    loses_text: bool = Field(
        description="True if text is missing: the document is ready, with gaps. False if it may be misread."
    )


class DocumentPassageOut(BaseModel):
    """A passage of a document, in the order of the document."""

    ordinal: int = Field(description="Position in the document, from 0.")
    heading_path: list[str]
    place: PlaceOut
    text: str

    @classmethod
    def from_chunk(cls, chunk: Chunk) -> Self:
        return cls(
            ordinal=chunk.ordinal,
            heading_path=list(chunk.heading_path),
            place=cast(PlaceOut, to_place_fields(chunk.place)),
            text=chunk.text,
        )


class DocumentPassagesResponse(BaseModel):
    """A part of a document's text."""

    title: str
    uri: str
    media_type: MediaType
    chunks: int = Field(description="Number of passages of the whole document.")
    passages: list[DocumentPassageOut]

    @classmethod
    def from_chunks(cls, chunks: Sequence[Chunk]) -> Self:
        return cls(
            title=chunks[0].title,
            uri=chunks[0].uri,
            media_type=chunks[0].media_type,
            chunks=chunks[0].chunk_count,
            passages=[DocumentPassageOut.from_chunk(chunk) for chunk in chunks],
        )


class DocumentResponse(BaseModel):
    """The state of a document. A `ready` document stays searchable while an update is pending."""

    id: str
    state: State = Field(
        description="`deleting` until a worker has removed the document, then it does not exist. `empty`: it has no "
        "text, so no search finds it.",
    )
    version: str | None = Field(
        None, description="Identifies the latest accepted content, also while it is queued. The ETag has this value."
    )
    uri: str = ""
    reason: str | None = Field(None, description="Why the document is empty or was rejected, or what it waits for.")
    title: str | None = None
    media_type: MediaType | None = None
    chunks: int | None = None
    ingested_at: datetime | None = None
    metadata: dict[str, str] = {}
    warnings: list[WarningOut] = Field([], description="What is missing or uncertain in the `ready` version.")
    update: UpdateOut | None = Field(None, description="A later upload or removal. Null without one.")

    @classmethod
    def from_state(cls, document: DocumentState, status: WorkerSummary) -> "DocumentResponse":
        stored, entry = document.stored, document.entry
        # An entry that waits for the workers has their reason.
        reason = (status.message or None) if document.is_pending else entry.reason if entry else None
        response = cls(
            id=document.id,
            state=document.state,
            version=document.digest if document.is_queue_known else None,
            uri=stored.uri if stored else entry.uri if entry else "",
            reason=reason if document.state != "ready" else None,
            update=UpdateOut(state=document.update, reason=reason) if document.update else None,
        )
        if stored is None:
            return response
        return response.model_copy(
            update={
                "title": stored.title,
                "media_type": stored.media_type,
                "chunks": stored.chunk_count,
                "ingested_at": datetime.fromtimestamp(stored.ingested_at, UTC),
                "metadata": dict(stored.metadata),
                "warnings": [WarningOut.model_validate(warning) for warning in stored.warnings],
            }
        )


class QueueOut(BaseModel):
    """Number of documents of the tenant in the inbox by state."""

    queued: int
    processing: int
    empty: int
    rejected: int
    deleting: int

    @classmethod
    def from_counts(cls, counts: Counter[State]) -> "QueueOut":
        return cls(
            queued=counts["queued"],
            processing=counts["processing"],
            empty=counts["empty"],
            rejected=counts["rejected"],
            deleting=counts["deleting"],
        )


class DocumentListResponse(BaseModel):
    """One page of the documents of the tenant."""

    documents: list[DocumentResponse]
    next: str | None = Field(None, description="The `cursor` of the next page. Null on the last page.")
    queue: QueueOut | None = Field(
        None,
        description="Null if the inbox cannot be reached: the list then has only documents that are in the collection.",
    )

    @classmethod
    def from_page(cls, page: DocumentPage, sort: Sort, status: WorkerSummary) -> "DocumentListResponse":
        counts = page.counts
        return cls(
            documents=[DocumentResponse.from_state(document, status) for document in page.documents],
            next=to_cursor(page.next, sort) if page.next else None,
            queue=None if counts is None else QueueOut.from_counts(counts),
        )


class AcceptedResponse(BaseModel):
    """The request is in the inbox. `GET /v1/documents/{id}` reports its progress."""

    id: str
    state: Literal["queued", "deleting"]
    version: str | None = Field(None, description="Identifies the uploaded content. The ETag has this value.")
    worker: WorkerState = Field(description="Whether a worker can ingest the document now.")
    message: str | None = Field(None, description="Why the document waits. Null if a worker can ingest it now.")

    @classmethod
    def of_upload(cls, document_id: DocumentId, version: str, status: WorkerSummary) -> "AcceptedResponse":
        message = status.message or None
        return cls(id=document_id, state="queued", version=version, worker=status.state, message=message)

    @classmethod
    def of_removal(cls, document_id: DocumentId, status: WorkerSummary) -> "AcceptedResponse":
        return cls(id=document_id, state="deleting", worker=status.state, message=status.message or None)


class AcceptedListResponse(BaseModel):
    """The uploads are in the inbox, in the order of the request."""

    documents: list[AcceptedResponse]


def to_raw_document(
    document_id: DocumentId, content_type: str, body: bytes, metadata: Mapping[str, str]
) -> RawDocument:
    """Return an upload as a document; raises `InvalidInput` if its format is not known or it is empty."""
    media_type = media_type_of(document_id, content_type)
    if media_type is None:
        raise InvalidInput(
            f"The format is not known. Send a Content-Type, or a name with a suffix, of: {FORMAT_NAMES}."
        )
    if not body:
        raise InvalidInput("The document is empty.")
    return RawDocument(
        id=document_id,
        uri=f"upload:{document_id}",
        media_type=media_type,
        body=body,
        metadata=metadata,
        charset=charset_of(content_type),
    )
