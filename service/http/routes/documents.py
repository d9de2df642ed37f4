"""`/v1/documents`: list documents, and queue uploads and removals for the ingest worker."""

import asyncio
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.convertors import Convertor, register_url_convertor

from rag.errors import Conflict, Forbidden, InvalidInput, InvalidParts, NotFound, Overloaded, PreconditionFailed
from rag.inbox.base import Removal, Upload
from rag.metadata import to_metadata
from rag.types import DocumentId, Scope
from service.documents.changes import Check, accept, refuse_replacement
from service.documents.listing import DocumentQuery, Sort, from_cursor, list_documents
from service.documents.names import MAX_CHARACTERS, to_document_id
from service.documents.passages import read_passages
from service.documents.state import DocumentState, State, find_document, look_up
from service.http.dependencies import ReadingScope, ResourcesDep, WritingScope
from service.http.disconnect import while_connected
from service.http.forms import MAX_FILES, FormFile, open_files
from service.http.openapi import OF_STORE, forms, raises, uploads
from service.http.preconditions import PreconditionDep, to_etag
from service.http.schemas.documents import (
    METADATA,
    AcceptedListResponse,
    AcceptedResponse,
    DocumentListResponse,
    DocumentPassagesResponse,
    DocumentResponse,
    to_raw_document,
)
from service.resources import Resources


class _DocumentName(Convertor[str]):
    """The rest of the path with every character, so that a name with a slash or a line break is refused in words.

    The passages of a document are a resource of their own, with other methods.
    """

    regex = r"(?s:(?!.*/passages\Z).*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


register_url_convertor("document_name", _DocumentName())

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_MAX_PAGE = 500
_MAX_WAIT_SECONDS = 60
_MAX_PASSAGES = 50
# Larger than any document, and within the whole numbers of the store.
_MAX_ORDINAL = 10_000_000
# The same document has another state a moment later, so no cache may answer for it.
_UNCACHED = {"Cache-Control": "no-store"}
# What changes of a document can be refused for.
_REFUSALS = (Forbidden, InvalidInput, PreconditionFailed, Conflict, Overloaded)


async def _document_id(
    document_id: Annotated[
        str,
        Path(
            description=f"A file name in any script, percent-encoded. It has at most {MAX_CHARACTERS} characters, "
            "and no slash, backslash or control character."
        ),
    ],
) -> DocumentId:
    return to_document_id(document_id)


DocumentIdDep = Annotated[DocumentId, Depends(_document_id)]


@router.get("", openapi_extra=raises(*OF_STORE, InvalidInput))
async def get_documents(
    resources: ResourcesDep,
    scope: ReadingScope,
    response: Response,
    q: Annotated[
        str, Query(max_length=200, description="Part of a title or URI, or the beginning of an id, in any case.")
    ] = "",
    state: Annotated[
        list[State], Query(description="State of the document or of its update. Repeat it for several states.")
    ] = [],  # noqa: B006 - FastAPI copies it
    sort: Annotated[Sort, Query(description="`time` begins with the newest document.")] = "time",
    cursor: Annotated[str | None, Query(max_length=4000, description="`next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE, description="Documents of a page.")] = 50,
) -> DocumentListResponse:
    """List documents in pages, including pending and rejected ones.

    A cursor stays valid while documents change. A document that does not change is on one page exactly.
    """
    response.headers.update(_UNCACHED)
    after = from_cursor(cursor, sort) if cursor else None
    query = DocumentQuery(text=q, states=frozenset(state), sort=sort, after=after, limit=limit)
    page = await list_documents(resources.store, resources.inbox, scope, query)
    return DocumentListResponse.from_page(page, sort, resources.workers.status)


@router.post(
    "",
    status_code=202,
    openapi_extra=raises(*OF_STORE, *_REFUSALS, InvalidParts) | forms(max_files=MAX_FILES),
)
async def post_documents(
    request: Request,
    resources: ResourcesDep,
    scope: WritingScope,
    precondition: PreconditionDep,
    replace: Annotated[bool, Query(description="Replace documents of the same names.")] = False,
) -> AcceptedListResponse:
    """Queue the files of a form, each under its own name.

    `curl -F file=@a.md -F file=@b.pdf` sends such a form. The fields may have any name.
    Nothing is queued if one of the files is not valid, or if a document of its name has other content.
    Metadata comes as query parameters or form fields such as `metadata.team=ops`, and applies to all files.
    """
    max_bytes = resources.settings.max_document_bytes
    async with open_files(request, _metadata_in(request), max_bytes=max_bytes) as files:
        if precondition and len(files) > 1:
            raise InvalidInput("If-Match and If-None-Match guard one document. Send one file, or none of the headers.")

        checks = [precondition or (None if replace else refuse_replacement(file.digest)) for file in files]
        await _check_all(resources, scope, files, checks)
        accepted = []
        for file, check in zip(files, checks, strict=True):
            upload = Upload(scope=scope, document=await file.read(), digest=file.digest)
            await accept(resources.store, resources.inbox, upload, check)
            accepted.append(AcceptedResponse.of_upload(upload.document_id, file.digest, resources.workers.status))
    return AcceptedListResponse(documents=accepted)


@router.get("/{document_id}/passages", openapi_extra=raises(*OF_STORE, InvalidInput, NotFound))
async def get_passages(
    document_id: DocumentIdDep,
    resources: ResourcesDep,
    scope: ReadingScope,
    around: Annotated[int, Query(ge=0, le=_MAX_ORDINAL, description="`ordinal` of the passage in the middle.")] = 0,
    limit: Annotated[int, Query(ge=1, le=_MAX_PASSAGES, description="Passages of the part.")] = 9,
) -> DocumentPassagesResponse:
    """Return a part of a document's text, as its passages in order, with the neighbours of a cited passage."""
    found = await read_passages(resources.store, scope, document_id, around=around, limit=limit)
    return DocumentPassagesResponse.from_chunks(found)


@router.get("/{document_id:document_name}", openapi_extra=raises(*OF_STORE, InvalidInput, NotFound, Overloaded))
async def get_document(
    document_id: DocumentIdDep,
    request: Request,
    response: Response,
    resources: ResourcesDep,
    scope: ReadingScope,
    wait: Annotated[
        float,
        Query(
            ge=0,
            le=_MAX_WAIT_SECONDS,
            description="While the document is queued, processed or deleted: seconds to wait for its next state.",
        ),
    ] = 0,
) -> DocumentResponse:
    """Return the state of a document. With `wait`, answer as soon as a pending state changes."""
    found = await find_document(resources.store, resources.inbox, scope, document_id)
    if wait and found.entry and found.is_pending:
        await while_connected(request, resources.inbox_watch.wait(scope, found.entry, wait))
        found = await find_document(resources.store, resources.inbox, scope, document_id)
    response.headers.update(_UNCACHED | _etag_of(found))
    return DocumentResponse.from_state(found, resources.workers.status)


@router.put(
    "/{document_id:document_name}",
    status_code=202,
    openapi_extra=raises(*OF_STORE, *_REFUSALS) | uploads(),
)
async def put_document(
    document_id: DocumentIdDep,
    request: Request,
    response: Response,
    resources: ResourcesDep,
    scope: WritingScope,
    precondition: PreconditionDep,
) -> AcceptedResponse:
    """Queue the body as a new document or as the next version of an existing one.

    The `Content-Type` names the format; without it, the suffix of the id does.
    Query parameters such as `?metadata.team=ops` become metadata, which searches can filter by.
    """
    content_type = request.headers.get("content-type", "")
    document = to_raw_document(document_id, content_type, await request.body(), to_metadata(_metadata_in(request)))
    digest = await asyncio.to_thread(document.digest)
    upload = Upload(scope=scope, document=document, digest=digest)
    await accept(resources.store, resources.inbox, upload, precondition)
    response.headers["Location"] = f"{resources.settings.root_path}/v1/documents/{quote(document_id, safe='')}"
    response.headers["ETag"] = to_etag(digest)
    return AcceptedResponse.of_upload(document_id, digest, resources.workers.status)


@router.delete(
    "/{document_id:document_name}",
    status_code=202,
    openapi_extra=raises(*OF_STORE, *_REFUSALS, NotFound),
)
async def delete_document(
    document_id: DocumentIdDep, resources: ResourcesDep, scope: WritingScope, precondition: PreconditionDep
) -> AcceptedResponse:
    """Queue the removal of a document. Its state is `deleting` until a worker has removed it."""
    await find_document(resources.store, resources.inbox, scope, document_id)
    removal = Removal(scope=scope, document_id=document_id)
    await accept(resources.store, resources.inbox, removal, precondition)
    return AcceptedResponse.of_removal(document_id, resources.workers.status)


def _metadata_in(request: Request) -> dict[str, str]:
    pairs = [pair for pair in request.query_params.items() if pair[0].startswith(METADATA)]
    return {key.removeprefix(METADATA): value for key, value in pairs}


def _etag_of(found: DocumentState) -> dict[str, str]:
    """Return the header with the ETag, unless it is not known."""
    return {"ETag": to_etag(found.digest)} if found.digest and found.is_queue_known else {}


async def _check_all(
    resources: Resources, scope: Scope, files: Sequence[FormFile], checks: Sequence[Check | None]
) -> None:
    """Raise `Conflict` with the sentences of all files that are in conflict, before any of them is queued."""
    checked = {file.document.id: check for file, check in zip(files, checks, strict=True) if check}
    found = await look_up(resources.store, resources.inbox, scope, list(checked))
    conflicts = []
    for document_id, check in checked.items():
        try:
            check(found.get(document_id))
        except Conflict as error:
            conflicts.append(str(error))
    if conflicts:
        raise Conflict(" ".join(conflicts))
