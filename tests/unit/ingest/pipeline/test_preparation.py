"""Which stored documents are fetched again although their bytes are the same."""

from dataclasses import replace

from ingest.conversion.base import Conversion
from ingest.pipeline.conversion import ConvertingParser
from ingest.pipeline.preparation import fetch_if_changed, version_of
from ingest.sources.base import Unit, Unmodified
from rag.parsing_warnings import ParsingWarning
from rag.types import Chunk, DocumentId, RawDocument
from tests.support.contracts.store import point


class NoParser:
    """A parser and a parser service that no test asks: a changed document is only fetched here."""

    recipe = "words"
    converts = False

    async def parse(self, raw: RawDocument, *, version: str) -> list[Chunk]:
        raise NotImplementedError  # nothing is parsed here

    async def parse_conversion(self, raw: RawDocument, conversion: Conversion, *, version: str) -> list[Chunk]:
        raise NotImplementedError  # nothing is parsed here

    async def convert(self, raw: RawDocument) -> Conversion:
        raise NotImplementedError  # nothing is parsed here


async def test_a_document_with_unread_pages_is_fetched_again_once_there_is_a_parser_service():
    raw = RawDocument(id=DocumentId("a"), uri="a", media_type="application/pdf", body=b"%PDF", validator="etag")
    unread = ParsingWarning(code="page_without_text", message="Page 2 has no text.")
    chunk = point("Page 1", version=version_of(raw, "words"), validator="etag").chunk

    async def fetch(validator: str) -> RawDocument | Unmodified:
        return Unmodified() if validator == "etag" else raw

    unit, fetched = Unit(id=raw.id, uri=raw.uri, fetch=fetch), {}
    for name, parser in (("alone", NoParser()), ("service", ConvertingParser(NoParser(), NoParser()))):
        for warnings in ((), (unread,)):
            stored = replace(chunk, warnings=warnings)
            found = await fetch_if_changed(unit, stored, parser.recipe, converts=parser.converts)
            fetched[name, len(warnings)] = found
    assert fetched == {("alone", 0): None, ("alone", 1): None, ("service", 0): None, ("service", 1): raw}
