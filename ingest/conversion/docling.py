"""A parser service with the HTTP API of docling-serve (ADR 55)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp

from ingest.conversion.base import Conversion, ConvertedPage
from ingest.metrics import RETRIES
from ingest.settings import ParserServiceSettings
from rag.errors import AccessRefused, BadResponse, InvalidInput, RequestRejected, Unavailable
from rag.formats import MediaType, format_of
from rag.gate import Gate
from rag.http import parse_json, require_success, translated_errors
from rag.retries import retry
from rag.types import RawDocument
from rag.upstream import Upstream

_UPSTREAM = Upstream("parser service", "RAG_PARSER_SERVICE__URL and RAG_PARSER_SERVICE__API_KEY")
_PATH = "/v1/convert/file"
# No text contains it by accident, and Markdown passes it through.
_PAGE_BREAK = "<!-- groundwork-page-break -->"
_FORM = (
    ("to_formats", "md"),
    # It has the page of each text. Markdown alone does not show pages without text.
    ("to_formats", "json"),
    ("do_ocr", "true"),
    ("image_export_mode", "placeholder"),
    ("md_page_break_placeholder", _PAGE_BREAK),
)
_CONVERTED = {"success", "partial_success"}
_MAX_BODY_BYTES = 64 * 2**20
# The server says so if a document takes longer than it waits, and if the conversion of a document failed.
_TOO_LONG = "DOCLING_SERVE_MAX_SYNC_WAIT"
_NO_RESULT = "Task result not found"
_RETRY_SECONDS = 20.0
_WAITING = 10_000


class DoclingConverter:
    """Sends documents to the service, a bounded number at a time."""

    def __init__(self, session: aiohttp.ClientSession, settings: ParserServiceSettings) -> None:
        self._session = session
        self._url = f"{str(settings.url).rstrip('/')}{_PATH}"
        key = settings.api_key.get_secret_value().strip() if settings.api_key else ""
        self._headers = {"X-Api-Key": key} if key else {}
        self._gate = Gate("parser_service", running=settings.concurrency, waiting=_WAITING)

    async def convert(self, raw: RawDocument) -> Conversion:
        async with self._gate.enter():
            body = await retry(RETRIES.labels("convert"), lambda: self._request(raw), seconds=_RETRY_SECONDS)
        # A large response takes long to parse.
        return await asyncio.to_thread(_to_conversion, body)

    async def _request(self, raw: RawDocument) -> bytes:
        form = aiohttp.FormData(list(_FORM))
        form.add_field("files", raw.body, filename=_file_name(raw.media_type), content_type=raw.media_type)
        try:
            with translated_errors(_UPSTREAM):
                async with self._session.post(
                    self._url, data=form, headers=self._headers, allow_redirects=False
                ) as response:
                    if 300 <= response.status < 400:
                        # Another server would receive the document, and no operator has chosen it.
                        raise AccessRefused(
                            f"The parser service redirects to another address (status {response.status}). "
                            "An operator must set RAG_PARSER_SERVICE__URL to it."
                        )
                    await require_success(_UPSTREAM, response)
                    return await _read(response)
        except RequestRejected as error:
            raise InvalidInput(
                f"The parser service does not accept the document: {error}", upstream=error.upstream
            ) from error
        except (AccessRefused, Unavailable) as error:
            if _TOO_LONG in error.upstream:
                raise InvalidInput(
                    f"The parser service reached its own time limit for this document ({_TOO_LONG}).",
                    upstream=error.upstream,
                ) from error
            if _NO_RESULT in error.upstream:
                raise InvalidInput(
                    "The parser service could not convert this document.", upstream=error.upstream
                ) from error
            raise


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > _MAX_BODY_BYTES:
            raise InvalidInput(f"The text of the document has more than {_MAX_BODY_BYTES:,} bytes; split the document.")
    return bytes(content)


def _to_conversion(body: bytes) -> Conversion:
    try:
        result = parse_json(body)
        status, document = result["status"], result.get("document") or {}
        if status not in _CONVERTED:
            reasons = [str(error.get("error_message", "")) for error in result.get("errors") or []]
            raise InvalidInput("The parser service could not convert this document.", upstream=" ".join(reasons))
        texts = (document.get("md_content") or "").split(_PAGE_BREAK)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadResponse("The parser service sent a response that is not a converted document.") from error
    numbers = _page_numbers(document.get("json_content"), len(texts))
    pages = [ConvertedPage(number=number, markdown=text) for number, text in zip(numbers, texts, strict=True)]
    return Conversion(pages=pages, is_partial=status == "partial_success")


def _page_numbers(document: Any, count: int) -> Sequence[int | None]:
    """Return the page numbers of the `count` pages with text, or None for each if the answer does not contain them.

    There is a page break only between pages with text, so a blank page would shift the numbers of all later pages.
    """
    if not isinstance(document, dict):
        return range(1, count + 1)
    pages: set[int] = set()
    for kind in ("texts", "tables", "pictures", "key_value_items", "form_items"):
        for item in document.get(kind) or []:
            if isinstance(item, dict) and item.get("content_layer", "body") == "body":
                places = item.get("prov") or []
                pages |= {place["page_no"] for place in places if isinstance(place.get("page_no"), int)}
    if len(pages) == count:
        return sorted(pages)
    is_whole = len(document.get("pages") or ()) == count
    return range(1, count + 1) if is_whole else [None] * count


def _file_name(media_type: MediaType) -> str:
    """Return a name whose suffix shows the format. The service need not know the document's own name."""
    return f"document{format_of(media_type).suffixes[0]}"
