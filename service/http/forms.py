"""Files in multipart forms: `curl -F file=@a.md -F file=@b.pdf`."""

import asyncio
import http
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from rag.errors import InvalidInput, InvalidParts
from rag.metadata import to_metadata
from rag.types import RawDocument
from service.documents.names import to_document_id
from service.http.schemas.documents import METADATA, to_raw_document

MAX_FILES = 100
_MAX_FIELDS = 100
_FIELD_BYTES = 10_000
# Browsers and curl write these characters of a file name in this way, and no others.
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}


class _FileTooLarge(InvalidInput):
    """A file of the form exceeds the limit of one document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFile:
    """A file of a form. A large file is on disk until `read`, so a form needs the memory of one file at a time."""

    document: RawDocument
    """The document without its body."""
    digest: str
    file: UploadFile

    async def read(self) -> RawDocument:
        await self.file.seek(0)
        return replace(self.document, body=await self.file.read())


@asynccontextmanager
async def open_files(request: Request, metadata: Mapping[str, str], *, max_bytes: int) -> AsyncIterator[list[FormFile]]:
    """Yield the files of a form, in fields of any name.

    Raises `InvalidInput`, or `InvalidParts` with what is wrong with each file.
    """
    async with _parsed(request) as form:
        metadata = to_metadata({**metadata, **_metadata_in(form)})
        uploads = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not uploads:
            raise InvalidInput("The request has no file. Send a form with files: curl -F file=@handbook.md.")
        yield await _read_all(uploads, metadata, max_bytes)


@asynccontextmanager
async def _parsed(request: Request) -> AsyncIterator[FormData]:
    try:
        form = await request.form(max_files=MAX_FILES, max_fields=_MAX_FIELDS, max_part_size=_FIELD_BYTES)
    except HTTPException as error:
        if error.status_code != http.HTTPStatus.BAD_REQUEST:
            raise
        raise InvalidInput(f"The form cannot be read: {error.detail}") from error
    try:
        yield form
    finally:
        await form.close()


def _metadata_in(form: FormData) -> dict[str, str]:
    metadata = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            continue
        if not name.startswith(METADATA):
            raise InvalidInput(
                f"The field {name!r} is not a file. Write @ before the path of a file: curl -F file=@handbook.md. "
                f"Other fields must be metadata: -F {METADATA}team=ops."
            )
        metadata[name.removeprefix(METADATA)] = value
    return metadata


async def _read_all(uploads: list[UploadFile], metadata: Mapping[str, str], max_bytes: int) -> list[FormFile]:
    files: list[FormFile] = []
    faults: dict[str, str] = {}
    too_large = 0
    for upload in uploads:
        try:
            file = await _read(upload, metadata, max_bytes)
            if any(file.document.id == other.document.id for other in files):
                raise InvalidInput("Two files have this name. Send one of them.")
            files.append(file)
        except InvalidInput as error:
            faults[upload.filename or "?"] = str(error)
            too_large += isinstance(error, _FileTooLarge)
    if len(faults) == too_large > 0:
        raise HTTPException(413, str(InvalidParts(faults)))
    if faults:
        raise InvalidParts(faults)
    return files


async def _read(upload: UploadFile, metadata: Mapping[str, str], max_bytes: int) -> FormFile:
    name = upload.filename or ""
    for escaped, character in _ESCAPED.items():
        name = name.replace(escaped, character)
    document_id = to_document_id(name)
    if (upload.size or 0) > max_bytes:
        raise _FileTooLarge(f"The file is larger than {max_bytes:,} bytes (RAG_MAX_DOCUMENT_BYTES).")
    document = to_raw_document(document_id, upload.content_type or "", await upload.read(), metadata)
    digest = await asyncio.to_thread(document.digest)
    return FormFile(document=replace(document, body=b""), digest=digest, file=upload)
