"""A Qdrant server's gRPC interface over qdrant-client's local mode: the wire is real, the engine behind it is not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from qdrant_client import AsyncQdrantClient, models
from qdrant_client import grpc as wire
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.grpc.collections_service_pb2_grpc import CollectionsServicer, add_CollectionsServicer_to_server
from qdrant_client.grpc.points_service_pb2_grpc import PointsServicer, add_PointsServicer_to_server

_DONE = wire.PointsOperationResponse(result=wire.UpdateResult(operation_id=1, status=wire.UpdateStatus.Completed))


@asynccontextmanager
async def serve_qdrant() -> AsyncIterator[int]:
    """Yields the port."""
    local = AsyncQdrantClient(":memory:")
    server = grpc.aio.server()
    add_PointsServicer_to_server(_Points(local), server)
    add_CollectionsServicer_to_server(_Collections(local), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)
        await local.close()


class _Points(PointsServicer):
    def __init__(self, local: AsyncQdrantClient) -> None:
        self._local = local

    async def Query(self, request, _):  # noqa: N802 - the protocol's name
        response = await self._local.query_points(
            request.collection_name,
            prefetch=[
                models.Prefetch(
                    query=GrpcToRest.convert_query(prefetch.query),
                    using=prefetch.using,
                    filter=GrpcToRest.convert_filter(prefetch.filter),
                    limit=prefetch.limit,
                )
                for prefetch in request.prefetch
            ],
            query=GrpcToRest.convert_query(request.query),
            limit=request.limit,
            with_payload=True,
            with_vectors=list(request.with_vectors.include.names),
        )
        return wire.QueryResponse(result=[RestToGrpc.convert_scored_point(point) for point in response.points])

    async def Upsert(self, request, _):  # noqa: N802
        points = [GrpcToRest.convert_point_struct(point) for point in request.points]
        await self._local.upsert(request.collection_name, points)
        return _DONE

    async def Delete(self, request, _):  # noqa: N802
        await self._local.delete(request.collection_name, GrpcToRest.convert_points_selector(request.points))
        return _DONE

    async def Scroll(self, request, _):  # noqa: N802
        offset = GrpcToRest.convert_point_id(request.offset) if request.HasField("offset") else None
        records, following = await self._local.scroll(
            request.collection_name,
            scroll_filter=GrpcToRest.convert_filter(request.filter),
            offset=offset,
            limit=request.limit,
            with_payload=True,
        )
        return wire.ScrollResponse(
            result=[RestToGrpc.convert_record(record) for record in records],
            next_page_offset=RestToGrpc.convert_extended_point_id(following) if following else None,
        )

    async def CreateFieldIndex(self, *_):  # noqa: N802
        return _DONE


class _Collections(CollectionsServicer):
    def __init__(self, local: AsyncQdrantClient) -> None:
        self._local = local
        self._created: dict[str, wire.CreateCollection] = {}

    async def CollectionExists(self, request, _):  # noqa: N802
        exists = request.collection_name in self._created
        return wire.CollectionExistsResponse(result=wire.CollectionExists(exists=exists))

    async def Create(self, request, _):  # noqa: N802
        self._created[request.collection_name] = request
        await self._local.create_collection(
            request.collection_name,
            vectors_config=GrpcToRest.convert_vectors_config(request.vectors_config),
            sparse_vectors_config=GrpcToRest.convert_sparse_vector_config(request.sparse_vectors_config),
        )
        return wire.CollectionOperationResponse(result=True)

    async def Get(self, request, _):  # noqa: N802
        created = self._created[request.collection_name]
        config = wire.CollectionConfig(
            params=wire.CollectionParams(shard_number=1, vectors_config=created.vectors_config),
            hnsw_config=wire.HnswConfigDiff(m=16, ef_construct=100, full_scan_threshold=10_000),
            optimizer_config=wire.OptimizersConfigDiff(
                deleted_threshold=0.2, vacuum_min_vector_number=1000, default_segment_number=0, flush_interval_sec=5
            ),
            wal_config=wire.WalConfigDiff(wal_capacity_mb=32, wal_segments_ahead=0),
            metadata=created.metadata,
        )
        return wire.GetCollectionInfoResponse(
            result=wire.CollectionInfo(
                status=wire.CollectionStatus.Green,
                optimizer_status=wire.OptimizerStatus(ok=True),
                segments_count=1,
                config=config,
            )
        )
