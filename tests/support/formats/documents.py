"""Short ways to parse a document and to write an expected section."""

from dataclasses import replace

from ingest.parsing.factory import parse
from rag.formats import MediaType
from rag.types import Document, DocumentId, RawDocument, Section


def parse_document(body: str | bytes, media_type: MediaType, name: str = "folder/notes.md") -> Document:
    raw = body.encode() if isinstance(body, str) else body
    return parse(RawDocument(id=DocumentId("a"), uri=f"file:///{name}", media_type=media_type, body=raw), version="v1")


def section(text: str, *heading_path: str) -> Section:
    return Section(heading_path=heading_path, text=text)


def bare_sections(document: Document) -> tuple[Section, ...]:
    """Return the sections without the places of their blocks."""
    return tuple(replace(part, places=()) for part in document.sections)
