"""What a reader asks a Qdrant server for: points are large, so only those that it needs."""

from typing import Any

import grpc
import pytest
from qdrant_client import grpc as wire

from rag.settings import ServerStoreSettings
from rag.store.server.backend import ServerBackend
from tests.support.contracts.store import EMBEDDER, OURS, point, put, query
from tests.support.fakes.qdrant import open_qdrant


class Requests(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types.
    """Keeps the requests that read points."""

    def __init__(self) -> None:
        self.searches: list[wire.QueryPoints] = []
        self.reads: list[wire.GetPoints | wire.ScrollPoints] = []

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = await continuation(details)

        async def answer(request: Any, context: Any) -> Any:
            match request:
                case wire.QueryBatchPoints():
                    self.searches += request.query_points
                case wire.GetPoints() | wire.ScrollPoints():
                    self.reads.append(request)
            return await handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
        )


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture
async def store(requests):
    async with open_qdrant(requests) as server:
        settings = ServerStoreSettings(kind="server", url="http://127.0.0.1:1", grpc_port=server.port)
        async with ServerBackend(settings).open_writer(EMBEDDER) as opened:
            await put(opened, OURS, [point(f"the valve {number}", ordinal=number) for number in range(80)])
            yield opened


def with_vectors(request: Any) -> bool:
    return bool(request.with_vectors.enable or request.with_vectors.include.names)


async def test_a_search_ranks_ids_once_and_reads_only_the_points_that_it_smooths(store, requests):
    assert len(await store.search(OURS, query("valve"), limit=3)) == 3
    assert [(it.with_payload.enable, with_vectors(it)) for it in requests.searches] == [(False, False)] * 2
    assert [len(it.ids) for it in requests.reads] == [50]


async def test_chunks_documents_and_versions_are_listed_without_vectors(store, requests):
    assert len([it async for it in store.scroll(OURS)]) == 80
    assert len([it async for it in store.documents(OURS)]) == 1
    assert len([it async for it in store.scan_fields((), ("version",))]) == 80
    assert [with_vectors(it) for it in requests.reads] == [False] * 3
