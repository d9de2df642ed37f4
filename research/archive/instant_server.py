"""A Qdrant server that answers at once: its pages are made before the first call, and what it is given is dropped.

It runs in a process of its own, so that its work does not count as that of the client.
"""

import asyncio
import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import grpc
import numpy as np
from qdrant_client import grpc as wire
from qdrant_client.conversions.conversion import RestToGrpc
from qdrant_client.grpc.points_service_pb2_grpc import PointsServicer, add_PointsServicer_to_server
from qdrant_client.grpc.qdrant_pb2_grpc import QdrantServicer, add_QdrantServicer_to_server
from qdrant_client.models import Record

from rag.store import schema
from rag.types import Chunk, DocumentId, Point, Scope, Vector

DIMENSION: Final = 384
_WORDS: Final = 150
_SEED: Final = 61
_START_SECONDS: Final = 120.0


@contextmanager
def run_instant_server(*, documents: int, chunks: int) -> Iterator[int]:
    """Run the server with so many points, and yield its port."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, documents, chunks), daemon=True)
    process.start()
    try:
        if not ours.poll(_START_SECONDS):
            raise TimeoutError(f"The server has not started within {_START_SECONDS:.0f} s.")
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, documents: int, chunks: int) -> None:
    asyncio.run(_serve_for_ever(pipe, documents, chunks))


async def _serve_for_ever(pipe: Connection, documents: int, chunks: int) -> None:
    server = grpc.aio.server()
    add_QdrantServicer_to_server(_Health(), server)  # type: ignore[no-untyped-call]
    add_PointsServicer_to_server(_Points(list(_records(documents, chunks))), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    pipe.send(port)
    await server.wait_for_termination()


class _Health(QdrantServicer):
    async def HealthCheck(self, *_: Any) -> Any:  # noqa: N802 - the protocol's name
        return wire.HealthCheckReply(title="qdrant - vector search engine", version="1.19.0")


class _Points(PointsServicer):
    def __init__(self, records: list[Record]) -> None:
        first = [
            Record(id=it.id, payload={name: it.payload[name] for name in ("tenant", "document_id", "version")})
            for it in records
            if it.payload and it.payload["ordinal"] == 0
        ]
        self._all, self._first = _to_pages(records), _to_pages(first)

    async def Scroll(self, request: Any, _: Any) -> Any:  # noqa: N802
        # Only the list of versions asks for a part of the payload.
        pages = self._all if request.with_payload.HasField("enable") else self._first
        return pages[request.offset.num if request.HasField("offset") else 0]

    async def Upsert(self, *_: Any) -> Any:  # noqa: N802
        return wire.PointsOperationResponse(result=wire.UpdateResult(status=wire.UpdateStatus.Completed))


def _to_pages(records: list[Record]) -> list[Any]:
    starts = range(0, len(records), schema.SCROLL_PAGE)
    return [
        wire.ScrollResponse(
            result=[RestToGrpc.convert_record(it) for it in records[start : start + schema.SCROLL_PAGE]],
            next_page_offset=wire.PointId(num=number) if number < len(starts) else None,
        )
        for number, start in enumerate(starts, start=1)
    ]


def _records(documents: int, chunks: int) -> Iterator[Record]:
    source = random.Random(_SEED)
    vocabulary = ["".join(source.choices("abcdefghijklmnoprstuw", k=source.randint(3, 9))) for _ in range(20_000)]
    scope = Scope(tenant="study")
    for document in range(documents):
        for ordinal in range(chunks):
            text = " ".join(source.choices(vocabulary, k=_WORDS))
            point = Point(chunk=_to_chunk(document, ordinal, chunks, text), vector=_random_vector(source))
            payload = schema.to_payload(scope, point) | {"state": "live"}
            identity = schema.to_point_id(scope, point.chunk)
            yield Record(id=identity, payload=payload, vector={schema.DENSE: point.vector.tolist()})


def _to_chunk(document: int, ordinal: int, count: int, text: str) -> Chunk:
    return Chunk(
        id=str(uuid5(NAMESPACE_URL, f"{document}-{ordinal}")),
        document_id=DocumentId(f"document-{document}"),
        uri=f"file:///documents/{document}.md",
        media_type="text/markdown",
        title=f"Document {document}",
        heading_path=("Chapter", "Section"),
        text=text,
        ordinal=ordinal,
        version="v1",
        ingested_at=0.0,
        chunk_count=count,
        language="en",
    )


def _random_vector(source: random.Random) -> Vector:
    return np.array([source.gauss(0, 1) for _ in range(DIMENSION)], np.float32)
