"""Bodies of `/v1/documents`."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from rag.formats import MediaType
from rag.inbox.base import Progress
from rag.types import Chunk
from service.worker_watch import WorkerState, WorkerStatus


class UpdateOut(BaseModel):
    """A replacement or removal of a document that is pending or was rejected."""

    state: Literal["queued", "processing", "rejected"]
    reason: str | None = None


class DocumentResponse(BaseModel):
    """The state of a document. A `ready` document stays searchable while an update is pending."""

    id: str
    state: Literal["queued", "processing", "ready", "rejected"]
    uri: str = ""
    reason: str | None = Field(None, description="Why the document was rejected, or what it waits for.")
    title: str | None = None
    media_type: MediaType | None = None
    chunks: int | None = None
    ingested_at: datetime | None = None
    metadata: dict[str, str] = {}
    update: UpdateOut | None = Field(None, description="A later upload or removal. Null without one.")

    @classmethod
    def from_first_chunk(cls, chunk: Chunk, progress: Progress | None = None) -> "DocumentResponse":
        return cls(
            id=chunk.document_id,
            state="ready",
            uri=chunk.uri,
            title=chunk.title,
            media_type=chunk.media_type,
            chunks=chunk.chunk_count,
            ingested_at=datetime.fromtimestamp(chunk.ingested_at, UTC),
            metadata=dict(chunk.metadata),
            update=UpdateOut(state=progress.state, reason=progress.reason) if progress else None,
        )

    @classmethod
    def from_progress(cls, progress: Progress) -> "DocumentResponse":
        return cls(id=progress.document_id, state=progress.state, uri=progress.uri, reason=progress.reason)


class DocumentListResponse(BaseModel):
    """All documents of the tenant: pending and rejected ones first, then the others by title."""

    documents: list[DocumentResponse]


class AcceptedResponse(BaseModel):
    """The request is in the inbox. `GET /v1/documents/{id}` reports its progress."""

    id: str
    state: Literal["queued"] = "queued"
    worker: WorkerState = Field(description="Whether a worker can ingest the document now.")
    message: str | None = Field(None, description="Why the document waits. Null if a worker can ingest it now.")

    @classmethod
    def from_status(cls, document_id: str, status: WorkerStatus) -> "AcceptedResponse":
        return cls(id=document_id, worker=status.state, message=status.message or None)
