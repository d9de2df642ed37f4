"""Parses documents here, and those whose text is in images with the parser service."""

from dataclasses import replace

import structlog

from ingest.conversion.base import DocumentConverter
from ingest.isolation.pool import ParserPool
from ingest.metrics import STAGES
from ingest.parsing.outline import WithoutText
from ingest.pipeline.preparation import converted_version, has_unread_pages
from rag.errors import InvalidInput
from rag.formats import IMAGE_MEDIA_TYPES
from rag.parsing_warnings import ParsingWarning
from rag.types import Chunk, RawDocument

log = structlog.get_logger()


class ConvertingParser:
    """A parser that sends scanned PDFs and images to the parser service."""

    converts = True

    def __init__(self, parser: ParserPool, converter: DocumentConverter) -> None:
        self._parser = parser
        self._converter = converter
        self.recipe = parser.recipe

    async def parse(self, raw: RawDocument, *, version: str) -> list[Chunk]:
        if raw.media_type in IMAGE_MEDIA_TYPES:
            return await self._convert(raw)
        try:
            chunks = await self._parser.parse(raw, version=version)
        except WithoutText:
            return await self._convert(raw)
        if not chunks or not has_unread_pages(chunks[0]):
            return chunks
        try:
            return await self._convert(raw)
        except InvalidInput as error:
            # The pages with text are worth more than none. The version says that the service has seen the document.
            message = f"The parser service did not convert the pages without text. {error}"
            lost = ParsingWarning(code="page_without_text", message=message)
            log.warning("conversion_rejected", media_type=raw.media_type, reason=str(error), upstream=error.upstream)
            first = replace(chunks[0], warnings=(*chunks[0].warnings, lost))
            return [replace(chunk, version=converted_version(raw, self.recipe)) for chunk in (first, *chunks[1:])]

    async def _convert(self, raw: RawDocument) -> list[Chunk]:
        with STAGES.stage("convert", span_name="convert"):
            conversion = await self._converter.convert(raw)
        chunks = await self._parser.parse_conversion(raw, conversion, version=converted_version(raw, self.recipe))
        if not chunks:
            raise InvalidInput("The parser service found no text in this document.")
        return chunks
