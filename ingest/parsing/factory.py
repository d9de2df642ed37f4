"""The door of parsing: raw bytes in, a document out."""

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from ingest.parsing.html import parse_html
from ingest.parsing.markdown import parse_markdown
from ingest.parsing.outline import Outline
from ingest.parsing.pdf import parse_pdf
from ingest.parsing.plain import parse_plain
from ingest.parsing.text import decode, one_line
from rag.errors import InvalidInput
from rag.types import Document, RawDocument


def parse(raw: RawDocument, *, version: str) -> Document:
    """Raises InvalidInput with a one-line reason where no text can be had; takes CPU time, so keep it off the loop."""
    if not raw.body.strip():
        raise InvalidInput("empty")
    outline = _outline_of(raw)
    if not outline.sections:
        raise InvalidInput("empty: it has no text")
    return Document(
        id=raw.id,
        uri=raw.uri,
        media_type=raw.media_type,
        title=raw.title or outline.title or _file_name(raw.uri),
        sections=outline.sections,
        version=version,
        validator=raw.validator,
    )


def _outline_of(raw: RawDocument) -> Outline:
    match raw.media_type:
        case "text/markdown":
            return parse_markdown(decode(raw.body))
        case "text/plain":
            return parse_plain(decode(raw.body))
        case "text/html":
            return parse_html(raw.body)
        case "application/pdf":
            return parse_pdf(raw.body)
        case unknown:
            raise InvalidInput(f"no parser for {unknown}")


def _file_name(uri: str) -> str:
    parts = urlsplit(uri)
    return one_line(unquote(PurePosixPath(parts.path).name)) or parts.netloc or uri
