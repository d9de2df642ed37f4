"""A store that fails in the middle of a document leaves nothing that the next run does not repair."""

from dataclasses import replace

import pytest
from prometheus_client import REGISTRY
from qdrant_client import AsyncQdrantClient
from qdrant_client import models as qdrant

from ingest.metrics import CHUNKS
from ingest.pipeline.pipeline import Pipeline
from ingest.resources import open_models
from ingest.settings import ChunkingSettings, Settings
from ingest.sources.base import Unit, Unmodified
from rag.errors import BadResponse, Unavailable
from rag.parsing_warnings import ParsingWarning
from rag.store.server.collections import Collections
from rag.store.server.store import ServerStore
from rag.types import EVERYTHING, ChunkFilter, DocumentId, RawDocument, Scope

SCOPE = Scope(tenant="default")


def page(*paragraphs: str) -> RawDocument:
    body = "\n\n".join(f"## Part {number}\n\n{text}" for number, text in enumerate(paragraphs))
    return RawDocument(id=DocumentId("page"), uri="u", media_type="text/markdown", body=body.encode())


class FailingStore(ServerStore):
    """The real adapter with failures: writes that are refused, outages, and commits that stop half way."""

    writes_left = 10**9
    outages = 0
    half_commits = 0
    failing_reads = 0

    async def scroll_points(self, scope, where=EVERYTHING):
        if self.failing_reads > 0:
            self.failing_reads -= 1
            raise Unavailable("The store is unavailable.")
        async for found in super().scroll_points(scope, where):
            yield found

    async def stage(self, scope, points):
        self._count()
        await super().stage(scope, points)

    async def commit(self, scope, document_id, version, *, order=None):
        self._count()
        if self.half_commits > 0:
            self.half_commits -= 1
            own = qdrant.FieldCondition(key="version", match=qdrant.MatchValue(value=version))
            await self._client.set_payload(self.revision, {"state": "live"}, qdrant.Filter(must=[own]))
            raise BadResponse("The server died between the two steps of a commit.")
        await super().commit(scope, document_id, version, order=order)

    def _count(self):
        if self.outages > 0:
            self.outages -= 1
            raise Unavailable("The store is unavailable.")
        self.writes_left -= 1
        if self.writes_left < 0:
            raise BadResponse("The store refuses the write.")


@pytest.fixture
async def models(data_dir):
    async with open_models(Settings(data_dir=data_dir)) as opened:
        yield opened


@pytest.fixture
async def store(models):
    client = AsyncQdrantClient(":memory:")
    yield FailingStore(client, await Collections(client, "c").open(models.embedder.identity))
    await client.close()


async def ingest(store, models, document: RawDocument) -> str:
    async def fetch(_: str) -> RawDocument:
        return document

    pipeline = Pipeline(store, models.batcher, models.parsers)
    return (await pipeline.ingest(SCOPE, Unit(id=document.id, uri=document.uri, fetch=fetch), {})).status


async def stored(store) -> list[str]:
    where = ChunkFilter(document_ids=(DocumentId("page"),))
    chunks = [chunk async for chunk in store.scroll(SCOPE, where)]
    return [chunk.text for chunk in sorted(chunks, key=lambda chunk: chunk.ordinal)]


@pytest.mark.slow
async def test_documents_are_chunked_again_only_when_the_length_of_passages_changes(store, models, data_dir):
    long = page("Water boils at one hundred degrees. " * 12)
    assert await ingest(store, models, long) == "new"
    assert await ingest(store, models, long) == "unchanged"
    before = await stored(store)
    shorter = Settings(data_dir=data_dir, chunking=ChunkingSettings(target_tokens=40))
    async with open_models(shorter) as other:
        assert await ingest(store, other, long) == "changed"
        assert len(await stored(store)) > len(before)
        assert await ingest(store, other, long) == "unchanged"


@pytest.mark.slow
async def test_a_document_of_another_recipe_is_fetched_without_its_validator(store, models, data_dir):
    asked = []

    async def fetch(validator: str) -> RawDocument | Unmodified:
        asked.append(validator)
        return Unmodified() if validator else replace(page("one"), validator="etag")

    unit = Unit(id=DocumentId("page"), uri="u", fetch=fetch)
    shorter = Settings(data_dir=data_dir, chunking=ChunkingSettings(target_tokens=40))
    results = [(await Pipeline(store, models.batcher, models.parsers).ingest(SCOPE, unit, {})).status for _ in range(2)]
    async with open_models(shorter) as other:
        results.append((await Pipeline(store, other.batcher, other.parsers).ingest(SCOPE, unit, {})).status)
    assert results == ["new", "unchanged", "changed"]
    assert asked == ["", "etag", ""]


async def test_a_document_that_loses_its_text_is_empty_and_its_stored_version_is_removed(store, models):
    assert await ingest(store, models, replace(page(), body=b"---\ndraft: true\n---\n")) == "empty"
    assert await ingest(store, models, page("Water boils at one hundred degrees.")) == "new"
    assert await ingest(store, models, replace(page(), body=b"---\ndraft: true\n---\n")) == "empty"
    assert await stored(store) == []


async def test_warnings_are_stored_counted_once_and_known_for_an_unchanged_document(store, models):
    warning = ParsingWarning(code="cut_text", message="The rest is missing.", count=3, place="page 7")

    class WarningParser:
        recipe = models.parsers.recipe
        converts = False

        async def parse(self, raw, *, version):
            first, *others = await models.parsers.parse(raw, version=version)
            return [replace(first, warnings=(warning,)), *others]

    async def fetch(_: str) -> RawDocument:
        return page("Water boils at one hundred degrees.")

    pipeline = Pipeline(store, models.batcher, WarningParser())
    unit = Unit(id=DocumentId("page"), uri="u", fetch=fetch)
    before = REGISTRY.get_sample_value("rag_ingest_warnings_total", {"code": "cut_text"})
    results = [await pipeline.ingest(SCOPE, unit, {}) for _ in range(2)]
    assert [(it.status, it.warnings) for it in results] == [("new", (warning,)), ("unchanged", (warning,))]
    assert REGISTRY.get_sample_value("rag_ingest_warnings_total", {"code": "cut_text"}) == before + 1
    assert [it.warnings async for it in store.documents(SCOPE)] == [(warning,)]


@pytest.mark.slow
@pytest.mark.parametrize("write", [0, 1])
async def test_a_new_document_that_was_interrupted_is_ingested_completely_by_the_next_run(store, models, write):
    store.writes_left = write
    with pytest.raises(BadResponse):
        await ingest(store, models, page("one", "two", "three"))
    assert await stored(store) == []
    store.writes_left = 10**9
    assert await ingest(store, models, page("one", "two", "three")) == "new"
    assert await stored(store) == ["one", "two", "three"]


@pytest.mark.slow
@pytest.mark.parametrize("write", [0, 1])
async def test_readers_see_the_previous_version_until_a_change_is_complete(store, models, write):
    await ingest(store, models, page("one", "two", "three"))
    store.writes_left = write
    with pytest.raises(BadResponse):
        await ingest(store, models, page("one", "zwei"))
    assert await stored(store) == ["one", "two", "three"]
    store.writes_left = 10**9
    assert await ingest(store, models, page("one", "zwei")) == "changed"
    assert await stored(store) == ["one", "zwei"]
    assert await ingest(store, models, page("one", "zwei")) == "unchanged"


@pytest.mark.slow
async def test_only_the_chunks_that_changed_are_embedded_again(store, models):
    await ingest(store, models, page("one", "two", "three"))
    before = CHUNKS.labels("embedded")._value.get()
    await ingest(store, models, page("one", "zwei", "three"))
    assert CHUNKS.labels("embedded")._value.get() - before == 1


@pytest.mark.slow
async def test_the_pipeline_waits_for_an_unavailable_store(store, models):
    store.outages = 3
    assert await ingest(store, models, page("one", "two")) == "new"
    assert await stored(store) == ["one", "two"]


@pytest.mark.slow
async def test_the_pipeline_waits_for_an_unavailable_store_while_it_compares_a_changed_document(store, models):
    await ingest(store, models, page("one", "two"))
    store.failing_reads = 2
    assert await ingest(store, models, page("one", "2")) == "changed"
    assert await stored(store) == ["one", "2"]


@pytest.mark.slow
@pytest.mark.parametrize("state", [("one", "two"), ("one", "2")])
async def test_the_next_run_repairs_a_commit_that_left_two_versions(store, models, state):
    await ingest(store, models, page("one", "two"))
    store.half_commits = 1
    with pytest.raises(BadResponse):
        await ingest(store, models, page("one", "2"))
    assert len(await stored(store)) == 4
    assert await ingest(store, models, page(*state)) == "changed"
    assert await stored(store) == list(state)
