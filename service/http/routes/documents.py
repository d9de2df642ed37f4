"""`/v1/documents`: what is there, and requests to add or remove. The work itself is the worker's."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from rag.errors import InvalidInput, NotFound
from rag.formats import FORMAT_NAMES, media_type_of
from rag.inbox.base import Removal, Upload
from rag.metadata import to_metadata
from rag.types import FIRST_CHUNKS, ChunkFilter, DocumentId, RawDocument, Scope
from service.http.dependencies import ReadingScope, ResourcesDep, WritingScope
from service.http.schemas import Accepted, DocumentList, DocumentState
from service.resources import Resources

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_METADATA = "metadata."
_Id = Annotated[str, Path(pattern=r"^[\w.-]{1,200}$", description="Letters, digits, '.', '_' and '-'.")]


@router.get("")
async def list_documents(resources: ResourcesDep, scope: ReadingScope) -> DocumentList:
    """Every document, those under way or rejected included."""
    progress = {it.document_id: it for it in await resources.inbox.progress(scope)}
    ready = [
        DocumentState.from_first_chunk(chunk, progress.pop(chunk.document_id, None))
        async for chunk in resources.store.scroll(scope, FIRST_CHUNKS)
    ]
    under_way = [DocumentState.from_progress(it) for it in progress.values()]
    return DocumentList(documents=[*under_way, *sorted(ready, key=lambda it: it.title or "")])


@router.get("/{document_id}")
async def get_document(document_id: _Id, resources: ResourcesDep, scope: ReadingScope) -> DocumentState:
    """How far a document has come."""
    return await _require(resources, scope, DocumentId(document_id))


@router.put("/{document_id}", status_code=202)
async def put_document(
    document_id: _Id, request: Request, response: Response, resources: ResourcesDep, scope: WritingScope
) -> Accepted:
    """Accepts the bytes of a document; its `Content-Type`, or else the id's suffix, says what they are.

    Parameters such as `?metadata.team=ops` are kept with it, and searches can be narrowed by them.
    """
    media_type = media_type_of(document_id, request.headers.get("content-type", ""))
    if media_type is None:
        raise InvalidInput(f"The Content-Type, or the suffix of the id, must say one of {FORMAT_NAMES}.")
    body = await request.body()
    if not body:
        raise InvalidInput("The document is empty.")
    document = RawDocument(
        id=DocumentId(document_id),
        uri=f"upload:{document_id}",
        media_type=media_type,
        body=body,
        metadata=_metadata_in(request),
    )
    await resources.inbox.put(Upload(scope=scope, document=document))
    response.headers["Location"] = f"/v1/documents/{document_id}"
    return Accepted(id=document_id)


@router.delete("/{document_id}", status_code=202)
async def delete_document(document_id: _Id, resources: ResourcesDep, scope: WritingScope) -> Accepted:
    """Accepts the removal of a document."""
    await _require(resources, scope, DocumentId(document_id))
    await resources.inbox.put(Removal(scope=scope, document_id=DocumentId(document_id)))
    return Accepted(id=document_id)


def _metadata_in(request: Request) -> dict[str, str]:
    pairs = {
        key.removeprefix(_METADATA): value for key, value in request.query_params.items() if key.startswith(_METADATA)
    }
    return to_metadata(pairs)


async def _require(resources: Resources, scope: Scope, document_id: DocumentId) -> DocumentState:
    # Asked before the store: what leaves the inbox is published by then, so nothing falls between the two.
    under_way = await resources.inbox.progress(scope, document_id)
    first = ChunkFilter(document_ids=(document_id,), ordinals=(0,))
    async for chunk in resources.store.scroll(scope, first):
        return DocumentState.from_first_chunk(chunk, under_way[0] if under_way else None)
    if under_way:
        return DocumentState.from_progress(under_way[0])
    raise NotFound(f"There is no document {document_id}.")
