"""A worker meets the error answers of a Qdrant cluster: it buries no document, and goes on by itself."""

from contextlib import AsyncExitStack

import pytest

from ingest.migration.verify import verify
from rag.errors import GroundworkError, IndexMismatch, Overloaded, TimedOut, Unavailable
from rag.settings import ServerStoreSettings
from rag.store.server.backend import ServerBackend
from rag.store.server.collections import Collections
from rag.store.server.connection import open_client
from rag.store.server.store import open_server_store
from rag.types import EVERYTHING, DocumentId, EmbedderIdentity
from tests.support.contracts.store import EMBEDDER, OURS, point, put, texts
from tests.support.fakes import qdrant_faults as faults
from tests.support.fakes.qdrant import open_qdrant
from tests.support.fakes.qdrant_faults import Fault


def settings_of(port: int, **more) -> ServerStoreSettings:
    return ServerStoreSettings(kind="server", url=f"http://127.0.0.1:{port}", grpc_port=port, **more)


@pytest.fixture
async def server():
    async with open_qdrant() as opened:
        yield opened


@pytest.mark.parametrize(
    ("fault", "kind", "owner"),
    [
        pytest.param(faults.LOST_NODE, Unavailable, "dependency", id="a lost node"),
        pytest.param(faults.NEW_COLLECTION, Unavailable, "dependency", id="a new collection"),
        pytest.param(faults.HANGING_NODE, TimedOut, "dependency", id="a hanging node"),
        pytest.param(faults.FULL_DISK, Unavailable, "dependency", id="a full disk"),
        pytest.param(faults.RATE_LIMIT, Overloaded, "dependency", id="a rate limit"),
    ],
)
async def test_a_failed_write_is_done_again_until_it_is_whole(server, fault: Fault, kind, owner):
    # Only a call that hangs is waited for until its time limit.
    limit = 2 if fault.hangs else 60
    async with (
        open_server_store(settings_of(server.port), EMBEDDER) as store,
        open_server_store(settings_of(server.port, timeout=limit), EMBEDDER) as failing,
    ):
        await put(store, OURS, [point("old"), point("old too", ordinal=1)])
        server.faults.answer_with(fault)
        for write in (
            failing.stage(OURS, [point("new", version="v2")]),
            failing.commit(OURS, DocumentId("doc"), "v2", order=2),
        ):
            with pytest.raises(GroundworkError) as raised:
                await write
            assert (type(raised.value), raised.value.fault) == (kind, owner)
        server.faults.answer_with(None)
        server.faults.released.set()
        await put(store, OURS, [point("new", version="v2")])
        assert await texts(store, OURS) == {"new"}


async def test_a_vector_of_another_length_names_the_embedder(server):
    async with open_server_store(settings_of(server.port), EMBEDDER) as store:
        wrong = point("wrong")
        object.__setattr__(wrong, "vector", wrong.vector[:3])
        with pytest.raises(IndexMismatch, match="RAG_EMBEDDER__MODEL"):
            await store.stage(OURS, [wrong])


async def test_changes_that_time_out_but_were_done_succeed(server):
    settings = settings_of(server.port)
    server.faults.answer_with(faults.SLOW_CHANGE, times=2)  # creation, alias
    async with open_server_store(settings, EMBEDDER), open_client(settings) as client:
        assert server.faults.answered == 2
        collections = Collections(client, settings.collection)
        await collections.create("groundwork-2", EMBEDDER)
        server.faults.answer_with(faults.SLOW_CHANGE, times=1)
        await collections.switch_to("groundwork-2")
        assert (await collections.current(), await collections.fallback()) == ("groundwork-2", "groundwork-1")
        server.faults.answer_with(faults.SLOW_DELETION, times=1)
        await collections.drop("groundwork-1")
        assert (server.faults.answered, list(server.created)) == (1, ["groundwork-2"])


async def test_a_half_applied_commit_is_found_by_the_next_look_up(server):
    async with open_server_store(settings_of(server.port), EMBEDDER) as store:
        await put(store, OURS, [point("one"), point("two", ordinal=1)])
        assert await store.find_partial(OURS, {DocumentId("doc"): "v1"}) == set()
        await store.stage(OURS, [point("three", ordinal=2)])
        assert await store.find_partial(OURS, {DocumentId("doc"): "v1"}) == {"doc"}
        await store.stage(OURS, [point("next", version="v2")])
        await store.commit(OURS, DocumentId("doc"), "v1")
        assert await store.find_partial(OURS, {DocumentId("doc"): "v1"}) == set(), "staged versions belong to others"


async def test_verify_mends_copies_that_differ_and_versions_that_are_not_whole():
    async with open_qdrant() as one, open_qdrant() as two, AsyncExitStack() as stack:
        stores = []
        for server in (one, two):
            stores.append(await stack.enter_async_context(open_server_store(settings_of(server.port), EMBEDDER)))
        first, second = stores
        for store in stores:
            await put(store, OURS, [point("equal", document="equal")])
            await put(store, OURS, [point("old", document="behind")])
        await put(
            first,
            OURS,
            [point("new", document="behind", version="v2"), point("b", document="behind", version="v2", ordinal=1)],
        )
        nodes = [f"127.0.0.1:{server.port}" for server in (one, two)]
        found = await verify(
            ServerBackend(settings_of(two.port)), nodes=nodes, mend=True, report=print, settle_seconds=0
        )
        assert [(it.key.document_id, it.kind) for it in found.findings] == [("behind", "copies differ")]
        assert found.mended == 1
        assert await texts(second, OURS, EVERYTHING) == {"equal", "new", "b"}
        again = await verify(
            ServerBackend(settings_of(two.port)), nodes=nodes, mend=False, report=print, settle_seconds=0
        )
        assert (again.findings, set(again.points.values())) == ((), {3})


async def test_verify_counts_each_copy_of_a_shard_and_names_a_document_that_one_copy_lacks():
    async with open_qdrant() as one, open_qdrant() as two, AsyncExitStack() as stack:
        for server in (one, two):
            server.placement.shards = 2
        stores = [
            await stack.enter_async_context(open_server_store(settings_of(server.port), EMBEDDER))
            for server in (one, two)
        ]
        for store in stores:
            await put(store, OURS, [point("both", document="on both"), point("too", document="on both", ordinal=1)])
        await put(stores[0], OURS, [point("single", document="on one")])
        nodes = [f"127.0.0.1:{server.port}" for server in (one, two)]
        found = await verify(
            ServerBackend(settings_of(one.port)), nodes=nodes, mend=False, report=print, settle_seconds=0
        )
        assert found.points == {nodes[0]: 3, nodes[1]: 2}
        assert found.shards == {nodes[0]: {0: 2, 1: 1}, nodes[1]: {0: 1, 1: 1}}
        assert [(it.key, it.kind, it.detail) for it in found.findings] == [
            (("ours", "on one"), "copies differ", f"{nodes[0]}: 1 points, {nodes[1]}: no points")
        ]


async def test_verify_names_the_node_that_does_not_answer(server):
    async with open_server_store(settings_of(server.port), EMBEDDER) as store:
        await put(store, OURS, [point("one")])
    nodes = [f"127.0.0.1:{server.port}", "127.0.0.1:9"]
    with pytest.raises(Unavailable, match=r"The node 127\.0\.0\.1:9 does not answer"):
        await verify(ServerBackend(settings_of(server.port)), nodes=nodes, mend=False, report=print)


async def test_an_embedder_of_another_dimension_is_refused(server):
    async with open_server_store(settings_of(server.port), EMBEDDER):
        pass
    with pytest.raises(IndexMismatch):
        async with open_server_store(settings_of(server.port), EmbedderIdentity(model="other", dimension=3)):
            pass
