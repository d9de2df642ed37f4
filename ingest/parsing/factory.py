"""The entry point of parsing: raw bytes in, a document out."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from ingest.parsing.code import parse_code
from ingest.parsing.converted import parse_converted
from ingest.parsing.csv import parse_csv
from ingest.parsing.docx.parser import parse_docx
from ingest.parsing.encoding.decoding import decode
from ingest.parsing.epub import parse_epub
from ingest.parsing.html.parser import parse_html
from ingest.parsing.json import parse_json, parse_json_lines
from ingest.parsing.mail import parse_mail
from ingest.parsing.markdown.parser import parse_markdown
from ingest.parsing.notebook import parse_notebook
from ingest.parsing.opendocument.parser import parse_opendocument
from ingest.parsing.outline import Outline, WithoutText, parse_plain
from ingest.parsing.pdf.parser import parse_pdf
from ingest.parsing.pptx.parser import parse_pptx
from ingest.parsing.rst.parser import parse_rst
from ingest.parsing.rtf.parser import parse_rtf
from ingest.parsing.text import one_line
from ingest.parsing.unread_content import describe_unread_content
from ingest.parsing.xlsx.parser import parse_xlsx
from ingest.parsing.xml.parser import parse_xml
from rag.errors import InvalidInput
from rag.formats import IMAGE_MEDIA_TYPES, MediaType
from rag.types import Document, RawDocument

PARSERS: Mapping[MediaType, Callable[[RawDocument], Outline]] = {
    "text/markdown": lambda raw: _parse_text(raw, lambda text: parse_markdown(text, raw.uri)),
    "text/plain": lambda raw: _parse_text(raw, parse_plain),
    "text/x-rst": lambda raw: _parse_text(raw, parse_rst),
    # HTML can declare its own encoding, so its parser decodes the bytes.
    "text/html": lambda raw: parse_html(raw.body, raw.charset, raw.uri),
    "application/pdf": lambda raw: parse_pdf(raw.body),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": lambda raw: parse_docx(raw.body),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": lambda raw: parse_pptx(raw.body),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": lambda raw: parse_xlsx(raw.body),
    **dict.fromkeys(IMAGE_MEDIA_TYPES, lambda _: _reject_image()),
    "application/rtf": lambda raw: parse_rtf(raw.body),
    "application/vnd.oasis.opendocument.text": lambda raw: parse_opendocument(raw.body, "ODT"),
    "application/vnd.oasis.opendocument.spreadsheet": lambda raw: parse_opendocument(raw.body, "ODS"),
    "application/vnd.oasis.opendocument.presentation": lambda raw: parse_opendocument(raw.body, "ODP"),
    "application/epub+zip": lambda raw: parse_epub(raw.body),
    "message/rfc822": lambda raw: parse_mail(raw.body, lambda part: PARSERS[part.media_type](part)),
    "text/csv": lambda raw: _parse_text(raw, parse_csv),
    "application/json": lambda raw: _parse_text(raw, parse_json),
    "application/x-ndjson": lambda raw: _parse_text(raw, parse_json_lines),
    "application/x-ipynb+json": lambda raw: _parse_text(raw, parse_notebook),
    "application/xml": lambda raw: _parse_text(raw, parse_xml),
    "text/x-code": lambda raw: _parse_text(raw, lambda text: parse_code(text, _file_name(raw.uri))),
}
"""The parser of each format in `rag.formats.FORMATS`."""
_EMPTY = Outline(title="", sections=())


def parse(raw: RawDocument, *, version: str, is_converted: bool = False) -> Document:
    """Parse a document; this takes CPU time, so do not call it on the event loop.

    `is_converted` says that the body is what `parse_converted` reads, instead of a file of the media type.

    A document that is empty by nature, such as a file of white space, has no sections.
    Raises `InvalidInput` with a one-line reason if the document has text that cannot be extracted.
    """
    try:
        if is_converted:
            outline = parse_converted(raw.body)
        else:
            outline = PARSERS[raw.media_type](raw) if raw.body.strip() else _EMPTY
    except RecursionError as error:
        raise InvalidInput("nested too deeply to be parsed") from error
    if not outline.sections and (reason := _reason_without_text(raw, outline)):
        raise InvalidInput(f"no text: {reason}")
    return Document(
        id=raw.id,
        uri=raw.uri,
        media_type=raw.media_type,
        title=raw.title or outline.title or _file_name(raw.uri),
        sections=outline.sections,
        version=version,
        validator=raw.validator,
        warnings=outline.warnings,
    )


def _reason_without_text(raw: RawDocument, outline: Outline) -> str:
    """Return why a document that is not empty by nature has no text."""
    lost = " ".join(warning.to_text() for warning in outline.warnings if warning.loses_text)
    return lost or describe_unread_content(raw)


def _parse_text(raw: RawDocument, parse_decoded: Callable[[str], Outline]) -> Outline:
    decoded = decode(raw.body, raw.charset)
    outline = parse_decoded(decoded.text)
    return replace(outline, warnings=(*decoded.warnings, *outline.warnings))


def _reject_image() -> Outline:
    raise WithoutText("an image: set RAG_PARSER_SERVICE__URL to a parser service that recognises its text")


def _file_name(uri: str) -> str:
    parts = urlsplit(uri)
    return one_line(unquote(PurePosixPath(parts.path).name)) or parts.netloc or uri
