"""Which media types can be taken in, and how a name or a content type tells them."""

from pathlib import PurePosixPath
from typing import Final

from rag.types import MediaType

_BY_SUFFIX: Final[dict[str, MediaType]] = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".rst": "text/plain",
    ".html": "text/html",
    ".htm": "text/html",
    ".pdf": "application/pdf",
}

_BY_CONTENT_TYPE: Final[dict[str, MediaType]] = {
    "text/markdown": "text/markdown",
    "text/x-markdown": "text/markdown",
    "text/html": "text/html",
    "application/xhtml+xml": "text/html",
    "application/pdf": "application/pdf",
    "application/x-pdf": "application/pdf",
}

# Servers say these of anything they do not know better (GitHub serves Markdown as text/plain).
# (and curl sends the form type with whatever it is told to send).
_VAGUE: Final = {
    "",
    "text/plain",
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-www-form-urlencoded",
}

KNOWN_SUFFIXES: Final = tuple(_BY_SUFFIX)


def media_type_of(name: str, content_type: str = "") -> MediaType | None:
    """The media type of something called `name` (a path or file name), None if it cannot be taken in.

    A content type that says something outranks the suffix; its parameters do not matter.
    """
    declared = content_type.partition(";")[0].strip().lower()
    if declared not in _VAGUE:
        return _BY_CONTENT_TYPE.get(declared)
    by_suffix = _BY_SUFFIX.get(PurePosixPath(name).suffix.lower())
    if by_suffix is None and declared == "text/plain":
        return "text/plain"
    return by_suffix
