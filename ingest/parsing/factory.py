"""The door of parsing: raw bytes in, a document out."""

from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from ingest.parsing.code import parse_code
from ingest.parsing.csv import parse_csv
from ingest.parsing.docx import parse_docx
from ingest.parsing.html import parse_html
from ingest.parsing.json import parse_json, parse_json_lines
from ingest.parsing.markdown import parse_markdown
from ingest.parsing.outline import Outline
from ingest.parsing.pdf import parse_pdf
from ingest.parsing.plain import parse_plain
from ingest.parsing.pptx import parse_pptx
from ingest.parsing.rst import parse_rst
from ingest.parsing.text import decode, one_line
from ingest.parsing.xlsx import parse_xlsx
from rag.errors import InvalidInput
from rag.types import Document, RawDocument

_Textual = Literal[
    "text/markdown", "text/x-rst", "text/csv", "application/json", "application/x-ndjson", "text/x-code", "text/plain"
]


def parse(raw: RawDocument, *, version: str) -> Document:
    """Raises InvalidInput with a one-line reason where no text can be had; takes CPU time, so keep it off the loop."""
    if not raw.body.strip():
        raise InvalidInput("empty")
    try:
        outline = _outline_of(raw)
    except RecursionError as error:
        raise InvalidInput("nested too deep to read") from error
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
        case "text/html":
            return parse_html(raw.body)
        case "application/pdf":
            return parse_pdf(raw.body)
        case "application/vnd.openxmlformats-officedocument.wordprocessingml.document":
            return parse_docx(raw.body)
        case "application/vnd.openxmlformats-officedocument.presentationml.presentation":
            return parse_pptx(raw.body)
        case "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":
            return parse_xlsx(raw.body)
        case media_type:
            return _outline_of_text(media_type, decode(raw.body), _file_name(raw.uri))


def _outline_of_text(media_type: _Textual, text: str, name: str) -> Outline:
    match media_type:
        case "text/markdown":
            outline = parse_markdown(text)
        case "text/x-rst":
            outline = parse_rst(text)
        case "text/csv":
            outline = parse_csv(text)
        case "application/json":
            outline = parse_json(text)
        case "application/x-ndjson":
            outline = parse_json_lines(text)
        case "text/x-code":
            outline = parse_code(text, name)
        case "text/plain":
            outline = parse_plain(text)
    return outline


def _file_name(uri: str) -> str:
    parts = urlsplit(uri)
    return one_line(unquote(PurePosixPath(parts.path).name)) or parts.netloc or uri
