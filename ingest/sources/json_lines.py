"""A source of JSON lines, from a file or from standard input."""

import hashlib
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from ingest.sources.base import Rejection, Unit, Unmodified, document_id_of
from ingest.sources.notes import SourceNotes
from ingest.sources.threaded_iteration import iterate_in_daemon_threads, iterate_in_threads
from ingest.sources.web.fetch_errors import one_line
from rag.errors import InvalidInput
from rag.formats import TEXT_MEDIA_TYPES, MediaType
from rag.metadata import to_metadata
from rag.types import DocumentId, RawDocument

_STDIN = "stdin:"
_STDIN_DESCRIPTOR = 0
# The ids that the service accepts in its paths, so that clients can request and delete these documents.
_PATH_SAFE_ID = re.compile(r"[\w.-]{1,200}")
# The fields of a damaged line that name its document. A metadata field of the same name only keeps one more document.
_KEY = re.compile(rb'"(?:_?id|uri|url)"\s*:\s*("(?:[^"\\]|\\.){1,2000}"|-?\d{1,40})')


class JsonLinesSource:
    """A source of one document per line.

    Fields: `text` (or `body`), and optionally `id`, `uri` (or `url`), `title`, `media_type` and `metadata`.
    A line without an id gets one from its `uri`, and without a `uri` from its content.
    """

    def __init__(self, path: Path | None, *, max_bytes: int) -> None:
        """Open a file, or standard input if `path` is None; raises `InvalidInput` if the file does not exist."""
        if path is not None and not path.is_file():
            raise InvalidInput(f"There is no file {path}; check the spelling, or give its absolute path.")
        self._path = path.resolve() if path else None
        self._base = self._path.as_uri() if self._path else _STDIN
        self._max_bytes = max_bytes
        self._unread = _Unread()
        self.notes = SourceNotes()

    def count(self) -> None:
        return None

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        self._unread = _Unread()
        # One line at a time: a line may be long, and a slow writer's lines must not wait for a full batch.
        units = iterate_in_threads(self._units(), batch=1) if self._path else iterate_in_daemon_threads(self._units())
        async for unit in units:
            yield unit

    def covers(self, uri: str) -> bool:
        """Return True for lines of the file without a `uri` of their own, and for no line of standard input."""
        return self._path is not None and uri.startswith(f"{self._base}#")

    async def is_gone(self, uri: str) -> bool:
        return not self._unread.may_include(uri)

    def _units(self) -> Iterator[Unit | Rejection]:
        try:
            with self._open() as file:
                for number, line in _lines_of(file, self._max_bytes):
                    if line.strip():
                        yield self._to_unit(number, line)
        except OSError as error:
            self._unread.is_anything = True
            yield Rejection(uri=self._base, reason=f"cannot be read: {error.strerror}")

    def _open(self) -> BinaryIO:
        # Not sys.stdin: the interpreter cannot exit while another thread holds its lock.
        return self._path.open("rb") if self._path else os.fdopen(os.dup(_STDIN_DESCRIPTOR), "rb")

    def _to_unit(self, number: int, line: bytes) -> Unit | Rejection:
        try:
            if len(line) > self._max_bytes:
                raise InvalidInput(f"longer than the limit of {self._max_bytes:,} bytes (RAG_MAX_DOCUMENT_BYTES)")
            document = _to_document(_to_fields(line), self._base)
        except InvalidInput as error:
            self._unread.add(line, self._base)
            return Rejection(uri=self._base, reason=f"line {number}: {error}")
        return Unit(id=document.id, uri=document.uri, fetch=partial(_fetch, document))


@dataclass(slots=True)
class _Unread:
    """The documents whose lines could not be read: they are not gone."""

    uris: set[str] = field(default_factory=set)
    is_anything: bool = False
    """True if it is not known which documents these lines are."""

    def add(self, line: bytes, base: str) -> None:
        """Look for ids in a damaged line."""
        keys = [_text_of(value) for value in _KEY.findall(line)]
        self.uris.update(*((key, f"{base}#{quote(key, safe='')}") for key in keys))
        self.is_anything = self.is_anything or not all(keys) or not keys

    def may_include(self, uri: str) -> bool:
        return self.is_anything or uri in self.uris


def _text_of(value: bytes) -> str:
    try:
        return str(json.loads(value))
    except ValueError:
        return ""


async def _fetch(document: RawDocument, validator: str) -> RawDocument | Unmodified:
    return Unmodified() if validator == document.validator else document


def _lines_of(file: BinaryIO, max_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its number, and of a line that is too long only the beginning."""
    number = 0
    while line := file.readline(max_bytes + 2):
        number += 1
        yield number, line.rstrip(b"\r\n")
        while line and not line.endswith(b"\n"):
            line = file.readline(max_bytes + 2)


def _to_fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not valid JSON: {one_line(error)}") from error
    if not isinstance(fields, dict):
        raise InvalidInput("not a JSON object")
    return fields


def _to_document(fields: dict[str, Any], base: str) -> RawDocument:
    text, title = _text_in(fields, "text", "body"), _text_in(fields, "title")
    key, uri = _text_in(fields, "id", "_id"), _text_in(fields, "uri", "url")
    if text is None:
        raise InvalidInput("it has no field text")
    media_type = _media_type_of(_text_in(fields, "media_type"))
    metadata = fields.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise InvalidInput("its field metadata is not an object")
    metadata = to_metadata(metadata)
    content = [media_type, title or "", text, *(f"{key}={value}" for key, value in sorted(metadata.items()))]
    digest = hashlib.sha256("\0".join(content).encode("utf-8", "replace")).hexdigest()
    uri = uri or f"{base}#{quote(key or digest[:32], safe='')}"
    return RawDocument(
        id=DocumentId(key) if key and _PATH_SAFE_ID.fullmatch(key) else document_id_of(uri),
        uri=uri,
        media_type=media_type,
        # JSON can contain lone surrogates, which UTF-8 cannot encode.
        body=text.encode("utf-8", "replace"),
        title=title or "",
        validator=f"sha256:{digest}",
        metadata=metadata,
    )


def _text_in(fields: dict[str, Any], *names: str) -> str | None:
    """Return the first of these fields that is set; integers are converted to text."""
    for name in names:
        match fields.get(name):
            case None:
                continue
            case str(value):
                return value
            case int(value) if not isinstance(value, bool):
                return str(value)
            case _:
                raise InvalidInput(f"its field {name} is not a string")
    return None


def _media_type_of(declared: str | None) -> MediaType:
    if declared is None:
        return "text/plain"
    # A line holds text, so formats of bytes such as PDF are excluded.
    media_type = next((known for known in TEXT_MEDIA_TYPES if known == declared), None)
    if media_type is None:
        raise InvalidInput(f"its media_type is {declared[:100]}; supported are {', '.join(TEXT_MEDIA_TYPES)}")
    return media_type
