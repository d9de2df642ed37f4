"""One pass over a source: what is ingested, remembered, and reported."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from qdrant_client import AsyncQdrantClient

from ingest.pipeline.batching import open_batcher
from ingest.pipeline.pipeline import Pipeline
from ingest.pipeline.preparation import IngestResult
from ingest.pipeline.source_pass import SourcePass
from ingest.sources.base import Gone, Rejection, Unit
from rag.errors import BadResponse, InvalidInput
from rag.inbox.base import Entry, Removal
from rag.store.server.collections import Collections
from rag.store.server.store import ServerStore
from rag.types import EVERYTHING, Chunk, DocumentId, RawDocument
from tests.support.contracts.store import DIMENSION, EMBEDDER, OURS, direction, point, texts


class OneChunk:
    """A parser whose documents are one chunk."""

    recipe = ""
    converts = False

    async def parse(self, raw: RawDocument, *, version: str) -> list[Chunk]:
        return [point(raw.body.decode(), document=raw.id, version=version).chunk]


class AxisEmbedder:
    """Maps each text to an axis."""

    identity = EMBEDDER
    batch_size = 64
    concurrency = 1

    async def embed_passages(self, passages):
        return [direction(len(passage) % DIMENSION) for passage in passages]

    async def embed_query(self, text):
        raise NotImplementedError  # ingestion embeds no questions


class CountingStore(ServerStore):
    """The real adapter, which counts look-ups."""

    look_ups = 0

    def scroll(self, scope, where=EVERYTHING):
        self.look_ups += 1
        return super().scroll(scope, where)


@pytest.fixture
async def store():
    client = AsyncQdrantClient(":memory:")
    yield CountingStore(client, await Collections(client, "c").open(EMBEDDER))
    await client.close()


@pytest.fixture
async def pipeline(store):
    async with open_batcher(AxisEmbedder()) as batcher:
        yield Pipeline(store, batcher, OneChunk())


def unit(name: str, text: str = "text") -> Unit:
    async def fetch(_: str) -> RawDocument:
        return RawDocument(id=DocumentId(name), uri=name, media_type="text/plain", body=f"{text} of {name}".encode())

    return Unit(id=DocumentId(name), uri=name, fetch=fetch)


async def listing(*units: Unit | Rejection) -> AsyncIterator[Unit | Rejection]:
    for listed in units:
        yield listed


def pass_over(pipeline, reports, *, remember=True) -> SourcePass:
    return SourcePass(pipeline, OURS, reports.append, remember=remember)


async def test_a_rejected_entry_is_reported_and_the_others_are_ingested(pipeline, store):
    reports: list[IngestResult] = []
    run = pass_over(pipeline, reports)
    assert run.is_empty
    await run.ingest(listing(Rejection(uri="bad", reason="It is too large."), unit("good")))
    assert [(report.uri, report.status, report.reason) for report in reports] == [
        ("bad", "rejected", "It is too large."),
        ("good", "new", None),
    ]
    assert (run.is_empty, run.listed.existing) == (False, 1)
    assert await texts(store, OURS) == {"text of good"}


async def test_a_listing_remembers_its_documents(pipeline):
    run = pass_over(pipeline, [])
    await run.ingest(listing(unit("a"), unit("b")))
    assert [run.listed.has_seen(DocumentId(name)) for name in "abc"] == [True, True, False]


async def test_a_pass_without_memory_still_knows_whether_a_document_was_listed(pipeline):
    run = pass_over(pipeline, [], remember=False)
    await run.ingest(listing(unit("a")))
    assert (run.listed.existing, run.listed.has_seen(DocumentId("a"))) == (1, False)


async def test_a_listing_of_rejections_has_no_documents(pipeline):
    run = pass_over(pipeline, [])
    await run.ingest(listing(Rejection(uri="bad", reason="It is too large.")))
    assert (run.is_empty, run.listed.existing) == (False, 0)


async def test_a_document_that_is_gone_when_it_is_fetched_does_not_count_as_seen(pipeline):
    async def fetch(_: str) -> RawDocument:
        raise Gone("the server answered 404 Not Found")

    reports: list[IngestResult] = []
    run = pass_over(pipeline, reports)
    await run.ingest(listing(Unit(id=DocumentId("a"), uri="a", fetch=fetch), unit("b")))
    assert [run.listed.has_seen(DocumentId(name)) for name in "ab"] == [False, True]
    assert run.listed.existing == 1
    assert {report.uri: report.status for report in reports} == {"a": "rejected", "b": "new"}


@pytest.mark.slow
async def test_documents_are_looked_up_in_batches(pipeline, store):
    reports: list[IngestResult] = []
    await pass_over(pipeline, reports).ingest(listing(*(unit(f"d{n}") for n in range(65))))
    assert [report.status for report in reports] == ["new"] * 65
    assert store.look_ups == 2


async def test_two_equal_states_that_are_ingested_together_are_written_once(pipeline):
    # The second task cannot rely on the look-up from before the first one.
    both = (pipeline.ingest(OURS, unit("a"), {DocumentId("a"): None}) for _ in range(2))
    assert [result.status for result in await asyncio.gather(*both)] == ["new", "unchanged"]


async def test_the_points_of_a_claimed_entry_have_its_order(pipeline, store):
    staged = []

    async def record(_, points) -> None:
        staged.extend(points)

    store.stage = record
    claimed = Entry(receipt="1", job=Removal(scope=OURS, document_id=DocumentId("a")), attempt=1, order=3)
    await pipeline.ingest(OURS, unit("a"), {}, claimed)
    await pipeline.ingest(OURS, unit("b"), {})
    assert [point.order for point in staged] == [3, 0]


async def test_the_last_state_of_a_document_that_is_listed_twice_is_stored(pipeline, store):
    reports: list[IngestResult] = []
    await pass_over(pipeline, reports).ingest(listing(unit("a", "old"), unit("a", "new")))
    assert [report.status for report in reports] == ["new", "changed"]
    assert await texts(store, OURS) == {"new of a"}


async def test_an_unchanged_and_a_rejected_document_keep_their_stored_versions(pipeline, store):
    async def fetch(_: str) -> RawDocument:
        raise InvalidInput("It is damaged.")

    await pass_over(pipeline, []).ingest(listing(unit("a"), unit("b")))
    reports: list[IngestResult] = []
    await pass_over(pipeline, reports).ingest(listing(unit("a"), Unit(id=DocumentId("b"), uri="b", fetch=fetch)))
    assert {report.uri: report.status for report in reports} == {"a": "unchanged", "b": "rejected"}
    assert await texts(store, OURS) == {"text of a", "text of b"}


async def test_the_error_of_a_lost_store_is_raised(pipeline, store):
    async def refuse(*_) -> None:
        raise BadResponse("The store refuses the write.")

    store.stage = refuse
    with pytest.raises(BadResponse, match="refuses the write"):
        await pass_over(pipeline, []).ingest(listing(unit("a")))
