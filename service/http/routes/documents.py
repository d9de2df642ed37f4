"""`/v1/documents`: list documents, and queue uploads and removals for the ingest worker."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from rag.errors import Forbidden, InvalidInput, NotFound
from rag.formats import FORMAT_NAMES, media_type_of
from rag.inbox.base import Progress, Removal, Upload
from rag.metadata import to_metadata
from rag.types import FIRST_CHUNKS, ChunkFilter, DocumentId, RawDocument, Scope
from service.http.dependencies import ReadingScope, ResourcesDep, WritingScope
from service.http.openapi import raises, uploads
from service.http.schemas.documents import AcceptedResponse, DocumentListResponse, DocumentResponse
from service.resources import Resources

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_METADATA = "metadata."
_Id = Annotated[DocumentId, Path(pattern=r"^[\w.-]{1,200}$", description="Letters, digits, '.', '_' and '-'.")]


@router.get("")
async def list_documents(resources: ResourcesDep, scope: ReadingScope) -> DocumentListResponse:
    """List all documents, including pending and rejected ones."""
    progress = {it.document_id: it for it in await _progress(resources, scope)}
    ready = [
        DocumentResponse.from_first_chunk(chunk, progress.pop(chunk.document_id, None))
        async for chunk in resources.store.scroll(scope, FIRST_CHUNKS)
    ]
    pending = [DocumentResponse.from_progress(it) for it in progress.values()]
    return DocumentListResponse(documents=[*pending, *sorted(ready, key=lambda it: it.title or "")])


@router.get("/{document_id}", openapi_extra=raises(NotFound))
async def get_document(document_id: _Id, resources: ResourcesDep, scope: ReadingScope) -> DocumentResponse:
    """Return the state of a document."""
    return await _require(resources, scope, document_id)


@router.put("/{document_id}", status_code=202, openapi_extra=raises(Forbidden, InvalidInput) | uploads())
async def put_document(
    document_id: _Id, request: Request, response: Response, resources: ResourcesDep, scope: WritingScope
) -> AcceptedResponse:
    """Queue the body as a new document or as the next version of an existing one.

    The `Content-Type` names the format; without it, the suffix of the id does.
    Query parameters such as `?metadata.team=ops` become metadata, which searches can filter by.
    """
    media_type = media_type_of(document_id, request.headers.get("content-type", ""))
    if media_type is None:
        raise InvalidInput(f"The format is not known. Send a Content-Type, or an id with a suffix, of: {FORMAT_NAMES}.")
    body = await request.body()
    if not body:
        raise InvalidInput("The document is empty.")
    document = RawDocument(
        id=document_id, uri=f"upload:{document_id}", media_type=media_type, body=body, metadata=_metadata_in(request)
    )
    await resources.inbox.put(Upload(scope=scope, document=document))
    response.headers["Location"] = f"{resources.settings.root_path}/v1/documents/{document_id}"
    return AcceptedResponse.from_status(document_id, resources.workers.status)


@router.delete("/{document_id}", status_code=202, openapi_extra=raises(Forbidden, NotFound))
async def delete_document(document_id: _Id, resources: ResourcesDep, scope: WritingScope) -> AcceptedResponse:
    """Queue the removal of a document."""
    await _require(resources, scope, document_id)
    await resources.inbox.put(Removal(scope=scope, document_id=document_id))
    return AcceptedResponse.from_status(document_id, resources.workers.status)


def _metadata_in(request: Request) -> dict[str, str]:
    pairs = [pair for pair in request.query_params.items() if pair[0].startswith(_METADATA)]
    return to_metadata({key.removeprefix(_METADATA): value for key, value in pairs})


async def _require(resources: Resources, scope: Scope, document_id: DocumentId) -> DocumentResponse:
    # The inbox must be read before the store. The worker publishes before it acknowledges, so a document that
    # finishes between the two reads is found in the store. In the other order it could be missed.
    pending = await _progress(resources, scope, document_id)
    first = ChunkFilter(document_ids=(document_id,), ordinals=(0,))
    async for chunk in resources.store.scroll(scope, first):
        return DocumentResponse.from_first_chunk(chunk, pending[0] if pending else None)
    if pending:
        return DocumentResponse.from_progress(pending[0])
    raise NotFound(f"There is no document {document_id}.")


async def _progress(resources: Resources, scope: Scope, document_id: DocumentId | None = None) -> list[Progress]:
    """Return the entries of the inbox. Those that wait for the worker have its reason."""
    found = await resources.inbox.progress(scope, document_id)
    waits = resources.workers.status.message or None
    return [it if it.state == "rejected" else replace(it, reason=waits) for it in found]
