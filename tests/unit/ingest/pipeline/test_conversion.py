"""Documents whose text is in images, from the source to stored passages, with a stand-in of the parser service."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY
from qdrant_client import AsyncQdrantClient

from ingest.conversion import docling
from ingest.pipeline.pipeline import Pipeline
from ingest.pipeline.preparation import IngestResult
from ingest.resources import Models, open_models
from ingest.settings import Settings
from ingest.sources.base import Unit, Unmodified
from rag.errors import AccessRefused, Unavailable
from rag.formats import MediaType
from rag.store.server.collections import Collections
from rag.store.server.store import ServerStore
from rag.types import EVERYTHING, Chunk, DocumentId, Place, RawDocument, Scope
from tests.support.fakes.docling import DoclingServer, serve_docling
from tests.support.formats.pdf_writer import FULL_PAGE_IMAGE, pdf_of

# The parser processes start.
pytestmark = pytest.mark.slow

SCOPE = Scope(tenant="default")
_MIXED = pdf_of([["A page with text, which stands alone."], FULL_PAGE_IMAGE])
_SCAN = pdf_of([FULL_PAGE_IMAGE, FULL_PAGE_IMAGE])


@pytest.fixture(autouse=True)
def short_retries(monkeypatch):
    monkeypatch.setattr(docling, "_RETRY_SECONDS", 0.5)


@pytest.fixture
async def store(data_dir):
    client = AsyncQdrantClient(":memory:")
    async with open_models(Settings(data_dir=data_dir)) as models:
        yield ServerStore(client, await Collections(client, "c").open(models.embedder.identity))
    await client.close()


@asynccontextmanager
async def models_with(server: DoclingServer | None, data_dir):
    if server is None:
        async with open_models(Settings(data_dir=data_dir)) as opened:
            yield opened
        return
    async with serve_docling(server) as url:
        settings = Settings.model_validate({"data_dir": data_dir, "parser_service": {"url": url}})
        async with open_models(settings) as opened:
            yield opened


async def ingest(
    store: ServerStore, models: Models, body: bytes, media_type: MediaType = "application/pdf"
) -> IngestResult:
    raw = RawDocument(id=DocumentId("a"), uri="file:///a.pdf", media_type=media_type, body=body, validator="v")

    async def fetch(validator: str) -> RawDocument | Unmodified:
        return Unmodified() if validator == "v" else replace(raw)

    return await Pipeline(store, models.batcher, models.parsers).ingest(
        SCOPE, Unit(id=raw.id, uri=raw.uri, fetch=fetch), {}
    )


async def stored(store: ServerStore) -> list[Chunk]:
    return sorted([chunk async for chunk in store.scroll(SCOPE, EVERYTHING)], key=lambda chunk: chunk.ordinal)


async def test_a_scan_gets_the_text_and_the_pages_of_the_service(store, data_dir):
    async with models_with(
        DoclingServer({1: "# Pump\n\nThe limit is 16 bar.", 2: "| A | B |\n|---|---|\n| 1 | 2 |"}), data_dir
    ) as models:
        result = await ingest(store, models, _SCAN)

    chunks = await stored(store)
    assert (result.status, [warning.code for warning in result.warnings]) == ("new", ["recognised_text"])
    assert (chunks[0].media_type, chunks[0].heading_path, chunks[0].place) == (
        "application/pdf",
        ("Pump",),
        Place(page=1),
    )
    assert "The limit is 16 bar." in chunks[0].text
    assert any("A: 1 | B: 2" in chunk.text for chunk in chunks)
    assert REGISTRY.get_sample_value("rag_ingest_stage_duration_seconds_count", {"stage": "convert"})


async def test_an_image_needs_the_service(store, data_dir):
    async with models_with(None, data_dir) as models:
        refused = await ingest(store, models, b"\x89PNG\r\n\x1a\n", "image/png")
    async with models_with(DoclingServer({1: "A sign: Exit."}), data_dir) as models:
        accepted = await ingest(store, models, b"\x89PNG\r\n\x1a\n", "image/png")

    assert refused.status == "rejected"
    assert "RAG_PARSER_SERVICE__URL" in (refused.reason or "")
    assert accepted.status == "new"


async def test_documents_with_gaps_are_read_again_once_the_service_is_on_and_kept_when_it_is_off(store, data_dir):
    server = DoclingServer({1: "A page with text.", 2: "The scanned page."})
    async with models_with(None, data_dir) as models:
        assert (await ingest(store, models, _MIXED)).status == "new"
        assert (await ingest(store, models, _MIXED)).status == "unchanged"
    async with models_with(server, data_dir) as models:
        assert (await ingest(store, models, _MIXED)).status == "changed"
        assert (await ingest(store, models, _MIXED)).status == "unchanged"
    async with models_with(None, data_dir) as models:
        assert (await ingest(store, models, _MIXED)).status == "unchanged"

    assert len(server.received) == 1
    assert any("The scanned page." in chunk.text for chunk in await stored(store))


async def test_a_pdf_with_text_never_reaches_the_service(store, data_dir):
    server = DoclingServer({1: "No."})
    async with models_with(server, data_dir) as models:
        assert (await ingest(store, models, pdf_of([["Only text."]]))).status == "new"

    assert server.received == []


@pytest.mark.parametrize(
    ("server", "error"),
    [
        (DoclingServer({}, failures=[(503, "restarting")] * 99), Unavailable),
        (DoclingServer({}, key="secret"), AccessRefused),
    ],
)
async def test_a_failure_of_the_service_is_not_the_documents_fault(store, data_dir, server, error):
    async with models_with(server, data_dir) as models:
        with pytest.raises(error):
            await ingest(store, models, _SCAN)


async def test_a_scan_that_the_service_refuses_is_rejected_and_a_mixed_one_keeps_its_own_text(store, data_dir):
    server = DoclingServer({}, failures=[(422, "broken")] * 99)
    async with models_with(server, data_dir) as models:
        scan = await ingest(store, models, _SCAN)
        mixed = await ingest(store, models, _MIXED)
        again = await ingest(store, models, _MIXED)

    assert (scan.status, mixed.status, again.status) == ("rejected", "new", "unchanged")
    assert "does not accept the document" in (scan.reason or "")
    assert any("did not convert" in warning.message for warning in mixed.warnings)


async def test_the_services_answer_is_parsed_like_any_untrusted_file(store, data_dir):
    hostile = {1: "<script>alert(1)</script>\n\nText", 2: "> " * 5_000 + "deep", 3: "   "}
    async with models_with(DoclingServer(hostile), data_dir) as models:
        assert (await ingest(store, models, _SCAN)).status == "new"
    assert not any("alert" in chunk.text for chunk in await stored(store))


async def test_a_document_without_any_text_is_rejected(store, data_dir):
    async with models_with(DoclingServer({1: ""}), data_dir) as models:
        result = await ingest(store, models, _SCAN)

    assert result.status == "rejected"
    assert "found no text" in (result.reason or "")
