"""Documents as lines of JSON, from a file or from standard input."""

import hashlib
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, get_args
from urllib.parse import quote

from ingest.sources.base import Rejection, Unit, Unmodified
from ingest.sources.identity import document_id_of
from ingest.sources.stepping import as_they_come, stepped
from rag.errors import InvalidInput
from rag.metadata import to_metadata
from rag.types import DocumentId, MediaType, RawDocument

_STDIN: Final = "stdin:"
_STDIN_DESCRIPTOR: Final = 0
# As the service takes it in its paths, so that each document can be asked for and deleted there.
_PLAIN_ID: Final = re.compile(r"[\w.-]{1,200}")


class LineSource:
    """Finds one document a line: `text` (or `body`), and optionally `id`, `uri` (or `url`), `title`, `media_type`,
    `metadata`.

    A line's id is its document's id; without one its `uri` names the document, and without that the text itself does.
    """

    passed_over = 0

    def __init__(self, path: Path | None, *, max_bytes: int) -> None:
        """None is standard input; raises `InvalidInput` where there is no file at `path`."""
        if path is not None and not path.is_file():
            raise InvalidInput(f"There is no file {path}; check the spelling, or give its absolute path.")
        self._path = path.resolve() if path else None
        self._base = self._path.as_uri() if self._path else _STDIN
        self._max_bytes = max_bytes

    def count(self) -> None:
        return None

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        # One at a time: a line may be long, and whoever writes slowly is answered as each line comes.
        units = stepped(self._units(), step=1) if self._path else as_they_come(self._units())
        async for found in units:
            yield found

    def covers(self, uri: str) -> bool:
        """The file's own lines, unless they bring URIs of their own; nothing of standard input, which does not last."""
        return self._path is not None and uri.startswith(f"{self._base}#")

    def _units(self) -> Iterator[Unit | Rejection]:
        try:
            with self._open() as file:
                for number, line in _lines_of(file, self._max_bytes):
                    if line.strip():
                        yield self._to_unit(number, line)
        except OSError as error:
            yield Rejection(uri=self._base, reason=f"cannot be read: {error.strerror}")

    def _open(self) -> BinaryIO:
        # Not Python's own standard input: the interpreter cannot end while another thread waits for that.
        return self._path.open("rb") if self._path else os.fdopen(os.dup(_STDIN_DESCRIPTOR), "rb")

    def _to_unit(self, number: int, line: bytes) -> Unit | Rejection:
        try:
            if len(line) > self._max_bytes:
                raise InvalidInput(f"longer than the limit of {self._max_bytes:,} bytes")
            document = _to_document(_to_fields(line), self._base)
        except InvalidInput as error:
            return Rejection(uri=self._base, reason=f"line {number}: {error}")
        return Unit(id=document.id, uri=document.uri, fetch=partial(_fetch, document))


async def _fetch(document: RawDocument, validator: str) -> RawDocument | Unmodified:
    return Unmodified() if validator == document.validator else document


def _lines_of(file: BinaryIO, max_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Each line with its number; of one that is too long no more than its beginning."""
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
        raise InvalidInput(f"not JSON: {_one_line(error)}") from error
    if not isinstance(fields, dict):
        raise InvalidInput("not a JSON object")
    return fields


def _to_document(fields: dict[str, Any], base: str) -> RawDocument:
    text, title = _text_in(fields, "text", "body"), _text_in(fields, "title")
    key, uri = _text_in(fields, "id", "_id"), _text_in(fields, "uri", "url")
    if text is None:
        raise InvalidInput("it has no text")
    media_type = _media_type_of(_text_in(fields, "media_type"))
    metadata = _metadata_in(fields)
    told = [media_type, title or "", text, *(f"{key}={value}" for key, value in sorted(metadata.items()))]
    digest = hashlib.sha256("\0".join(told).encode("utf-8", "replace")).hexdigest()
    uri = uri or f"{base}#{quote(key or digest[:32], safe='')}"
    return RawDocument(
        id=DocumentId(key) if key and _PLAIN_ID.fullmatch(key) else document_id_of(uri),
        uri=uri,
        media_type=media_type,
        # JSON can spell half a character, which UTF-8 cannot.
        body=text.encode("utf-8", "replace"),
        title=title or "",
        validator=f"sha256:{digest}",
        metadata=metadata,
    )


def _text_in(fields: dict[str, Any], *names: str) -> str | None:
    """The first of these that is there; numbers are taken as they are written."""
    for name in names:
        match fields.get(name):
            case None:
                continue
            case str(value):
                return value
            case int(value) if not isinstance(value, bool):
                return str(value)
            case _:
                raise InvalidInput(f"its {name} is not a string")
    return None


def _metadata_in(fields: dict[str, Any]) -> dict[str, str]:
    found = fields.get("metadata") or {}
    if not isinstance(found, dict):
        raise InvalidInput("its metadata is not an object")
    return to_metadata(found)


def _media_type_of(declared: str | None) -> MediaType:
    known: dict[str, MediaType] = {name: name for name in get_args(MediaType) if _is_textual(name)}
    if declared is None:
        return "text/plain"
    if declared not in known:
        raise InvalidInput(f"its media_type is {declared[:100]}; known are {', '.join(known)}")
    return known[declared]


def _is_textual(name: str) -> bool:
    return name.startswith("text/") or name == "application/json"


def _one_line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
