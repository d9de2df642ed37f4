"""Whose fault a failure is: the document's, which is rejected, or a part's, which the entry waits for."""

import asyncio
from collections.abc import Callable

import pytest
import stamina
from qdrant_client import AsyncQdrantClient

from ingest.metrics import REJECTED_REQUESTS, WAITING
from ingest.pipeline.batching import open_batcher
from ingest.resources import Models
from ingest.settings import Settings
from ingest.worker.session import Session
from ingest.worker.status import WorkerStatus
from rag.errors import (
    AccessRefused,
    BadResponse,
    GroundworkError,
    InvalidInput,
    Overloaded,
    RequestRejected,
    Unavailable,
)
from rag.inbox.base import Upload
from rag.inbox.factory import open_inbox, open_worklist
from rag.settings import FolderInboxSettings
from rag.store.server.collections import Collections
from rag.store.server.store import ServerStore
from rag.types import Chunk, DocumentId, RawDocument, Scope
from tests.support.contracts.store import DIMENSION, EMBEDDER, OURS, direction, point, texts


class OneChunk:
    """A parser whose documents are one chunk."""

    recipe = ""
    converts = False

    async def parse(self, raw: RawDocument, *, version: str) -> list[Chunk]:
        text = raw.body.decode()
        if text == "encrypted":
            raise InvalidInput("The document is encrypted.")
        if text == "empty":
            return []
        return [point(text, document=raw.id, version=version).chunk]


class FailingEmbedder:
    """Fails for every text, or only for some of them."""

    identity = EMBEDDER
    batch_size = 1
    concurrency = 2

    def __init__(self) -> None:
        self.error: GroundworkError | None = None
        self.fails_for: Callable[[str], bool] = lambda _: True
        self.may_fail = asyncio.Event()
        self.may_fail.set()

    async def embed_passages(self, passages):
        if self.error is not None and any(self.fails_for(passage) for passage in passages):
            await self.may_fail.wait()
            raise self.error
        return [direction(len(passage) % DIMENSION) for passage in passages]

    async def embed_query(self, text):
        raise NotImplementedError  # ingestion embeds no questions


@pytest.fixture(autouse=True)
def _without_retries():
    stamina.set_testing(True, attempts=1)
    yield
    stamina.set_testing(False)


class Stage:
    """A real inbox and a real store, with an embedder that can fail."""

    def __init__(self, inbox, worklist, store, batcher, embedder) -> None:
        self.inbox = inbox
        self.worklist = worklist
        self.store = store
        self.embedder = embedder
        self.status = WorkerStatus()
        self._models = Models(parsers=OneChunk(), embedder=embedder, batcher=batcher)

    async def put(self, *names: str) -> None:
        for name in names:
            document = RawDocument(
                id=DocumentId(name), uri=f"upload:{name}", media_type="text/plain", body=name.encode()
            )
            await self.inbox.put(Upload(scope=OURS, document=document))

    async def work(self, *, drain_seconds: float = 60, stop_requested: Callable[[], bool] = lambda: False) -> None:
        settings = Settings(worker_drain_seconds=drain_seconds, worker_attempts=2)
        session = Session(self.worklist, settings, self.status, stop_requested)
        async with asyncio.timeout(60):
            await session.work(self.store, self._models)

    async def states(self) -> dict[str, tuple[str, str | None]]:
        return {it.document_id: (it.state, it.reason) for it in await self.inbox.progress(Scope(tenant=OURS.tenant))}


@pytest.fixture
async def stage(tmp_path):
    embedder = FailingEmbedder()
    inbox = FolderInboxSettings()
    async with (
        open_inbox(inbox, root=tmp_path / "inbox") as opened,
        open_worklist(inbox, root=tmp_path / "inbox") as worklist,
        open_batcher(embedder) as batcher,
    ):
        client = AsyncQdrantClient(":memory:")
        store = ServerStore(client, await Collections(client, "c").open(EMBEDDER))
        yield Stage(opened, worklist, store, batcher, embedder)
        await client.close()


@pytest.mark.parametrize("error", [AccessRefused, Unavailable, Overloaded, BadResponse])
async def test_a_failing_embedder_rejects_no_document_and_costs_no_attempt(stage, error):
    await stage.put("a", "b", "c")
    stage.embedder.error = error("The embedder refuses.")
    for _ in range(3):
        with pytest.raises(error):
            await stage.work()
    assert await stage.states() == dict.fromkeys("abc", ("queued", None))
    entry = await stage.worklist.claim()
    assert entry.attempt == 1
    await stage.worklist.retry(entry, after=0, counts=False)
    stage.embedder.error = None
    await stage.work()
    assert await stage.states() == {}
    assert await texts(stage.store, OURS) == {"a", "b", "c"}


async def test_a_text_that_only_the_embedder_refuses_rejects_its_document_alone(stage):
    await stage.put("good", "poison", "fine")
    stage.embedder.error, stage.embedder.fails_for = BadResponse("It is too long."), lambda text: "poison" in text
    await stage.work()
    assert await stage.states() == {
        "poison": ("rejected", "The embedder does not accept a passage of the document. It is too long.")
    }
    assert await texts(stage.store, OURS) == {"good", "fine"}


async def test_a_document_that_cannot_be_parsed_is_rejected_while_the_embedder_fails(stage):
    await stage.put("encrypted", "good")
    stage.embedder.error = AccessRefused("The embedder refuses the key.")
    with pytest.raises(AccessRefused):
        await stage.work()
    assert await stage.states() == {
        "encrypted": ("rejected", "The document is encrypted."),
        "good": ("queued", None),
    }


async def test_an_empty_document_is_known_as_empty_and_its_earlier_version_is_removed(stage):
    await stage.put("full", "other")
    await stage.work()
    document = RawDocument(id=DocumentId("full"), uri="upload:full", media_type="text/plain", body=b"empty")
    await stage.inbox.put(Upload(scope=OURS, document=document))
    await stage.work()
    assert await stage.states() == {"full": ("empty", "The document contains no text.")}
    assert await texts(stage.store, OURS) == {"other"}


async def test_an_entry_that_fails_alone_does_not_stop_the_others(stage):
    await stage.put("odd", "good")
    stage.embedder.error, stage.embedder.fails_for = Unavailable("It crashed."), lambda text: "odd" in text
    stage.embedder.may_fail.clear()
    working = asyncio.create_task(stage.work())
    async with asyncio.timeout(60):
        while "good" in await stage.states():  # noqa: ASYNC110 - the inbox sets no event
            await asyncio.sleep(0.01)
    stage.embedder.may_fail.set()
    await working
    assert await stage.states() == {"odd": ("queued", None)}
    assert await stage.worklist.claim() is None, "it is not due yet"


async def test_a_rejected_request_keeps_its_entry_and_the_others_go_on(stage):
    async def stage_points(scope, points, write=stage.store.stage):
        if points[0].chunk.text == "odd":
            raise RequestRejected("The store rejected a call as invalid.")
        await write(scope, points)

    before = REJECTED_REQUESTS._value.get()
    stage.store.stage = stage_points
    await stage.put("odd", "good", "fine")
    await stage.work()
    assert await stage.states() == {"odd": ("queued", None)}
    assert await texts(stage.store, OURS) == {"good", "fine"}
    assert REJECTED_REQUESTS._value.get() == before + 1


async def test_a_bug_costs_attempts_before_it_rejects_the_document(stage):
    async def stage_points(*_):
        raise TypeError("a bug")

    stage.store.stage = stage_points
    await stage.put("odd")
    await stage.work()
    assert await stage.states() == {"odd": ("queued", None)}


async def test_nothing_is_claimed_while_a_call_is_retried(stage):
    stamina.set_testing(False)
    await stage.put("a", "b", "c", "d")
    stage.embedder.error = Unavailable("It restarts.", retry_after=0.05)
    working = asyncio.create_task(stage.work())
    async with asyncio.timeout(60):
        while not stage.status.is_waiting:  # noqa: ASYNC110 - a retry sets no event
            await asyncio.sleep(0.001)
    claimed = (await stage.inbox.statistics()).processing
    await stage.put("e")
    assert (await stage.inbox.statistics()).processing == claimed
    stage.embedder.error = None
    await working
    assert await stage.states() == {}


async def test_a_stopping_worker_returns_all_late_entries_at_once(stage):
    class SlowWorklist:
        """Answers the return of an entry when both are being returned."""

        claimed = 0

        def __init__(self, worklist) -> None:
            self._worklist = worklist
            self._both = asyncio.Barrier(2)

        async def claim(self):
            self.claimed += 1
            return await self._worklist.claim()

        async def retry(self, entry, *, after, counts):
            await self._both.wait()
            await self._worklist.retry(entry, after=after, counts=counts)

    await stage.put("a", "b")
    stage.embedder.error = Unavailable("It does not answer.")
    stage.embedder.may_fail.clear()
    stage.worklist = SlowWorklist(stage.worklist)
    await stage.work(drain_seconds=0, stop_requested=lambda: stage.worklist.claimed == 2)
    assert await stage.states() == dict.fromkeys("ab", ("queued", None))


async def test_the_metric_shows_the_kind_of_error_until_the_worker_works_again():
    def causes() -> set[str]:
        return {sample.labels["cause"] for sample in next(iter(WAITING.collect())).samples if sample.value == 1}

    status = WorkerStatus()
    status.waits(Unavailable("The store is down."))
    assert causes() == {"unavailable"}
    status.waits(AccessRefused("The store refuses the key."))
    assert causes() == {"access_refused"}
    status.works()
    assert causes() == set()
