import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pydantic import SecretStr

from ingest.conversion import docling
from ingest.conversion.base import Conversion
from ingest.conversion.factory import open_converter
from ingest.settings import ParserServiceSettings
from rag.errors import AccessRefused, BadResponse, InvalidInput, TimedOut, Unavailable
from rag.settings import TimeoutSettings
from rag.types import DocumentId, RawDocument
from tests.support.fakes.docling import PATH, DoclingServer, serve_docling
from tests.support.fakes.servers import Handler, serve

_SCAN = RawDocument(id=DocumentId("a"), uri="file:///secret%20plan.pdf", media_type="application/pdf", body=b"%PDF-1")


@pytest.fixture(autouse=True)
def short_retries(monkeypatch):
    monkeypatch.setattr(docling, "_RETRY_SECONDS", 1.0)


@asynccontextmanager
async def converter_of(url: str, **settings: object):
    values = ParserServiceSettings.model_validate({"url": url, **settings})
    async with open_converter(values, TimeoutSettings()) as converter:
        assert converter is not None
        yield converter


async def convert(server: DoclingServer, **settings: object) -> Conversion:
    async with serve_docling(server) as url, converter_of(url, **settings) as converter:
        return await converter.convert(_SCAN)


async def convert_with(handler: Handler, **settings: object) -> Conversion:
    async with serve(PATH, handler) as url, converter_of(url, **settings) as converter:
        return await converter.convert(_SCAN)


async def test_the_document_is_sent_and_its_pages_come_back():
    server = DoclingServer({1: "# One", 3: "Three"})
    conversion = await convert(server)

    assert [(page.number, page.markdown.strip()) for page in conversion.pages] == [(1, "# One"), (3, "Three")]
    assert not conversion.is_partial
    [received] = server.received
    assert (received["name"], received["type"], received["body"]) == ("document.pdf", "application/pdf", b"%PDF-1")
    assert received["to_formats"] == ["md", "json"]
    assert received["image_export_mode"] == ["placeholder"]


async def test_pages_are_counted_if_the_service_does_not_number_them():
    conversion = await convert(DoclingServer({1: "One", 2: "Two"}, tells_pages=False))

    assert [page.number for page in conversion.pages] == [1, 2]


async def test_a_page_has_no_number_if_the_numbers_do_not_fit():
    async def respond(_: web.Request) -> web.Response:
        document = {"md_content": "text", "json_content": {"texts": [{"prov": [{"page_no": n}]} for n in (1, 2)]}}
        return web.json_response({"status": "success", "document": document})

    assert [page.number for page in (await convert_with(respond)).pages] == [None]


async def test_a_partial_conversion_is_reported():
    assert (await convert(DoclingServer({1: "One"}, status="partial_success"))).is_partial


async def test_the_key_is_sent_and_a_wrong_one_is_the_installations_fault():
    assert (await convert(DoclingServer({1: "One"}, key="secret"), api_key=SecretStr("secret\n"))).pages
    with pytest.raises(AccessRefused, match="RAG_PARSER_SERVICE__API_KEY"):
        await convert(DoclingServer({1: "One"}, key="secret"), api_key=SecretStr("other"))


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_a_failing_service_is_asked_again(status):
    assert (await convert(DoclingServer({1: "One"}, failures=[(status, "restarting")]))).pages


@pytest.mark.parametrize("status", [500, 503])
async def test_a_service_that_keeps_failing_is_not_the_documents_fault(status):
    with pytest.raises(Unavailable):
        await convert(DoclingServer({1: "One"}, failures=[(status, "down")] * 100))


async def test_a_service_that_does_not_listen_or_answer_is_unavailable():
    async with serve_docling(DoclingServer({})) as url:
        pass
    async with converter_of(url) as converter:
        with pytest.raises(Unavailable, match="RAG_PARSER_SERVICE__URL"):
            await converter.convert(_SCAN)

    async def hang(_: web.Request) -> web.Response:
        raise web.HTTPGatewayTimeout(text="a proxy")

    with pytest.raises((TimedOut, Unavailable)):
        await convert_with(hang)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ((413, "too large"), "does not accept the document"),
        ((422, "unprocessable"), "does not accept the document"),
        ((404, "Task result not found. Please wait for a completion status."), "could not convert"),
        ((504, "The maximum wait time is configure as DOCLING_SERVE_MAX_SYNC_WAIT=120."), "MAX_SYNC_WAIT"),
    ],
)
async def test_what_the_service_says_about_the_document_rejects_it(failure, reason):
    with pytest.raises(InvalidInput, match=reason):
        await convert(DoclingServer({1: "One"}, failures=[failure] * 100))


async def test_a_failed_conversion_rejects_the_document():
    with pytest.raises(InvalidInput, match="could not convert"):
        await convert(DoclingServer({1: "One"}, status="failure"))


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b"{}", b'{"status": "success", "document": {"md_content": 1}}'])
async def test_a_response_of_another_form_is_the_services_fault(body):
    async def respond(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    with pytest.raises(BadResponse):
        await convert_with(respond)


async def test_a_response_without_bounds_is_refused(monkeypatch):
    monkeypatch.setattr(docling, "_MAX_BODY_BYTES", 1_000)

    async def respond(_: web.Request) -> web.Response:
        return web.Response(body=json.dumps("x" * 5_000).encode(), content_type="application/json")

    with pytest.raises(InvalidInput, match="split the document"):
        await convert_with(respond)


async def test_another_address_never_receives_the_document():
    async def redirect(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:1/elsewhere")

    with pytest.raises(AccessRefused, match="redirects to another address"):
        await convert_with(redirect)


async def test_without_an_address_there_is_no_service():
    async with open_converter(ParserServiceSettings(), TimeoutSettings()) as converter:
        assert converter is None
