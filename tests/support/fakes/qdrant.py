"""A stand-in Qdrant server: the real gRPC protocol in front of qdrant-client's local mode."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
from qdrant_client import AsyncQdrantClient, models
from qdrant_client import grpc as wire
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.grpc.collections_service_pb2_grpc import CollectionsServicer, add_CollectionsServicer_to_server
from qdrant_client.grpc.points_service_pb2_grpc import PointsServicer, add_PointsServicer_to_server
from qdrant_client.grpc.qdrant_pb2_grpc import QdrantServicer, add_QdrantServicer_to_server

from tests.support.fakes.qdrant_faults import Faults
from tests.support.fakes.qdrant_placement import Placement
from tests.support.servers.redis_server import free_port

# Qdrant's own server permits pings without calls, which gRPC's Python server would answer by closing the connection.
_OPTIONS = [("grpc.http2.max_ping_strikes", 0), ("grpc.http2.min_ping_interval_without_data_ms", 0)]
_COMPLETED = wire.UpdateResult(operation_id=1, status=wire.UpdateStatus.Completed)


@asynccontextmanager
async def serve_qdrant() -> AsyncIterator[int]:
    """Run a server and yield its port."""
    async with open_qdrant() as server:
        yield server.port


class QdrantServer:
    """A server that keeps its port and data over a restart. Searches take `delay` seconds longer."""

    def __init__(self, local: AsyncQdrantClient, interceptors: Sequence[grpc.aio.ServerInterceptor], port: int) -> None:
        self.local = local
        self._interceptors = interceptors
        self.created: dict[str, wire.CreateCollection] = {}
        self.aliases: dict[str, str] = {}
        self.placement = Placement()
        self.faults = Faults()
        self.node = 0
        self._services = _Points(local, self), _Collections(local, self)
        self.version = "1.19.0"
        self.health_checks = 0
        self.delay = 0.0
        self.status = wire.CollectionStatus.Green
        self._server = grpc.aio.server()
        self.port = port

    async def start(self, credentials: grpc.ServerCredentials | None = None) -> None:
        points, collections = self._services
        self._server = grpc.aio.server(interceptors=[*self._interceptors, self.faults], options=_OPTIONS)
        add_QdrantServicer_to_server(_Health(self), self._server)
        add_PointsServicer_to_server(points, self._server)
        add_CollectionsServicer_to_server(collections, self._server)
        address = f"127.0.0.1:{self.port}"
        if credentials:
            self._server.add_secure_port(address, credentials)
        else:
            self._server.add_insecure_port(address)
        await self._server.start()

    async def create(self, request: wire.CreateCollection) -> None:
        self.created[request.collection_name] = request
        self.placement.place(request)
        await self.local.create_collection(
            request.collection_name,
            vectors_config=GrpcToRest.convert_vectors_config(request.vectors_config),
            sparse_vectors_config=GrpcToRest.convert_sparse_vector_config(request.sparse_vectors_config),
        )

    async def stop(self) -> None:
        """Stop at once. Running calls fail."""
        await self._server.stop(None)

    def join(self, node: int) -> "QdrantServer":
        """Return another node of the same cluster, which is not started yet. All nodes share their data."""
        other = QdrantServer(self.local, self._interceptors, free_port())
        other.created, other.aliases = self.created, self.aliases
        other.placement, other.faults, other.node = self.placement, self.faults, node
        return other


@asynccontextmanager
async def open_qdrant(
    *interceptors: grpc.aio.ServerInterceptor, port: int | None = None
) -> AsyncIterator[QdrantServer]:
    """Run a server. The interceptors see each call first, such as `qdrant_rights.Rights` and `qdrant_strict.Strict`."""
    local = AsyncQdrantClient(":memory:")
    server = QdrantServer(local, interceptors, port or free_port())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        await local.close()


class _Health(QdrantServicer):
    def __init__(self, server: QdrantServer) -> None:
        self._server = server

    async def HealthCheck(self, *_):  # noqa: N802 - the protocol's name
        self._server.health_checks += 1
        return wire.HealthCheckReply(title="qdrant - vector search engine", version=self._server.version)


class _Points(PointsServicer):
    def __init__(self, local: AsyncQdrantClient, server: QdrantServer) -> None:
        self._local = local
        self._server = server

    async def QueryBatch(self, request, _):  # noqa: N802
        await asyncio.sleep(self._server.delay)
        batches = []
        for query in request.query_points:
            answer = await self._local.query_points(
                query.collection_name,
                query=GrpcToRest.convert_query(query.query),
                using=query.using,
                query_filter=GrpcToRest.convert_filter(query.filter),
                limit=query.limit,
                search_params=GrpcToRest.convert_search_params(query.params) if query.HasField("params") else None,
                with_payload=query.with_payload.enable,
                with_vectors=list(query.with_vectors.include.names) or False,
            )
            points = [RestToGrpc.convert_scored_point(point) for point in answer.points]
            batches.append(wire.BatchResult(result=points))
            await asyncio.sleep(0)  # Other calls run between the parts of a batch, as on a server with shards.
        return wire.QueryBatchResponse(result=batches)

    async def Get(self, request, _):  # noqa: N802
        records = await self._local.retrieve(
            request.collection_name,
            [GrpcToRest.convert_point_id(point_id) for point_id in request.ids],
            with_payload=True,
            with_vectors=list(request.with_vectors.include.names),
        )
        return wire.GetResponse(result=[RestToGrpc.convert_record(record) for record in records])

    async def Upsert(self, request, _):  # noqa: N802
        points = [GrpcToRest.convert_point_struct(point) for point in request.points]
        mode = models.UpdateMode.INSERT_ONLY if request.update_mode == wire.UpdateMode.InsertOnly else None
        await self._local.upsert(request.collection_name, points, update_mode=mode)
        return _confirm(request)

    async def UpdateBatch(self, request, _):  # noqa: N802
        operations = [GrpcToRest.convert_points_update_operation(operation) for operation in request.operations]
        for operation in operations:
            await self._local.batch_update_points(request.collection_name, [operation])
            await asyncio.sleep(0)
        return wire.UpdateBatchResponse(result=[_confirm(request).result] * len(operations))

    async def Count(self, request, _):  # noqa: N802
        counted = await self._local.count(request.collection_name, GrpcToRest.convert_filter(request.filter))
        return wire.CountResponse(result=wire.CountResult(count=counted.count))

    async def Facet(self, request, _):  # noqa: N802
        wanted = GrpcToRest.convert_filter(request.filter)
        found = await self._local.facet(request.collection_name, request.key, facet_filter=wanted, exact=True)
        return wire.FacetResponse(hits=[RestToGrpc.convert_facet_value_hit(hit) for hit in found.hits])

    async def Delete(self, request, _):  # noqa: N802
        await self._local.delete(request.collection_name, GrpcToRest.convert_points_selector(request.points))
        return _confirm(request)

    async def Scroll(self, request, _):  # noqa: N802
        offset = GrpcToRest.convert_point_id(request.offset) if request.HasField("offset") else None
        records, following = await self._local.scroll(
            request.collection_name,
            scroll_filter=GrpcToRest.convert_filter(request.filter),
            offset=offset,
            limit=request.limit,
            with_payload=True,
            with_vectors=list(request.with_vectors.include.names) or False,
            order_by=GrpcToRest.convert_order_by(request.order_by) if request.HasField("order_by") else None,
        )
        return wire.ScrollResponse(
            result=[RestToGrpc.convert_record(record) for record in records],
            next_page_offset=RestToGrpc.convert_extended_point_id(following) if following else None,
        )

    async def CreateFieldIndex(self, *_):  # noqa: N802
        return wire.PointsOperationResponse(result=_COMPLETED)


def _confirm(request: wire.UpsertPoints | wire.DeletePoints | wire.UpdateBatchPoints) -> wire.PointsOperationResponse:
    """Confirm a write. Without `wait`, a server would not confirm that the points are written."""
    assert request.wait
    return wire.PointsOperationResponse(result=_COMPLETED)


class _Collections(CollectionsServicer):
    def __init__(self, local: AsyncQdrantClient, server: QdrantServer) -> None:
        self._local = local
        self._server = server

    @property
    def _created(self) -> dict[str, wire.CreateCollection]:
        return self._server.created

    @property
    def _aliases(self) -> dict[str, str]:
        return self._server.aliases

    async def List(self, *_):  # noqa: N802
        names = [wire.CollectionDescription(name=name) for name in self._created]
        return wire.ListCollectionsResponse(collections=names)

    async def ListAliases(self, *_):  # noqa: N802
        known = self._aliases.items()
        described = [wire.AliasDescription(alias_name=alias, collection_name=name) for alias, name in known]
        return wire.ListAliasesResponse(aliases=described)

    async def UpdateAliases(self, request, _):  # noqa: N802
        for action in request.actions:
            if action.HasField("delete_alias"):
                del self._aliases[action.delete_alias.alias_name]
            else:
                self._aliases[action.create_alias.alias_name] = action.create_alias.collection_name
        return wire.CollectionOperationResponse(result=True)

    async def Delete(self, request, _):  # noqa: N802
        del self._created[request.collection_name]
        await self._local.delete_collection(request.collection_name)
        return wire.CollectionOperationResponse(result=True)

    async def CollectionExists(self, request, _):  # noqa: N802
        exists = request.collection_name in self._created or request.collection_name in self._aliases
        return wire.CollectionExistsResponse(result=wire.CollectionExists(exists=exists))

    async def Create(self, request, context):  # noqa: N802
        if request.collection_name in self._created:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Wrong input: Collection already exists!")
        await self._server.create(request)
        return wire.CollectionOperationResponse(result=True)

    async def CollectionClusterInfo(self, request, _):  # noqa: N802
        points = (await self._local.count(request.collection_name)).count
        return self._server.placement.describe(request.collection_name, points=points, node=self._server.node)

    async def Get(self, request, _):  # noqa: N802
        created = self._created[request.collection_name]
        config = wire.CollectionConfig(
            params=self._server.placement.params_of(created),
            hnsw_config=wire.HnswConfigDiff(m=16, ef_construct=100, full_scan_threshold=10_000),
            optimizer_config=wire.OptimizersConfigDiff(
                deleted_threshold=0.2, vacuum_min_vector_number=1000, default_segment_number=0, flush_interval_sec=5
            ),
            wal_config=wire.WalConfigDiff(wal_capacity_mb=32, wal_segments_ahead=0),
            metadata=created.metadata,
        )
        return wire.GetCollectionInfoResponse(
            result=wire.CollectionInfo(
                status=self._server.status,
                optimizer_status=wire.OptimizerStatus(ok=True),
                segments_count=1,
                config=config,
            )
        )
