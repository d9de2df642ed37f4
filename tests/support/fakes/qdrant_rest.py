"""A stand-in Qdrant server behind an HTTP ingress: the REST protocol below a path, in front of local mode."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from qdrant_client import AsyncQdrantClient, models

from tests.support.fakes.qdrant_placement import Placement
from tests.support.fakes.servers import open_app

_COLLECTION = "/collections/{name}"


class RestQdrant:
    """The calls that the store makes."""

    def __init__(self, local: AsyncQdrantClient) -> None:
        self._local = local
        self.url = ""
        self.placement = Placement()
        self.asked = asyncio.Event()
        """Set when a client has asked for the nodes of the cluster."""
        self.keys: set[str | None] = set()
        """The API keys of all calls."""

    def routes(self, path: str) -> list[web.RouteDef]:
        points = f"{_COLLECTION}/points"
        calls: list[tuple[str, str, Callable[[str, Any], Awaitable[Any]]]] = [
            ("GET", "/", self._version),
            ("GET", "/cluster", self._cluster),
            ("GET", "/aliases", lambda *_: self._local.get_aliases()),
            ("POST", "/collections/aliases", self._move_aliases),
            ("GET", "/collections", lambda *_: self._local.get_collections()),
            ("GET", f"{_COLLECTION}/exists", self._exists),
            ("GET", _COLLECTION, lambda name, _: self._local.get_collection(name)),
            ("PUT", _COLLECTION, self._create),
            ("PUT", f"{_COLLECTION}/index", lambda *_: _completed()),
            ("PUT", points, self._upsert),
            ("POST", points, self._retrieve),
            ("POST", f"{points}/batch", self._update),
            ("POST", f"{points}/delete", self._delete),
            ("POST", f"{points}/query/batch", self._query),
            ("POST", f"{points}/scroll", self._scroll),
            ("POST", f"{points}/count", self._count),
            ("POST", f"{_COLLECTION}/facet", self._facet),
        ]
        return [web.route(method, path + route, self._answer(call)) for method, route, call in calls]

    def _answer(self, call: Callable[[str, Any], Awaitable[Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            self.keys.add(request.headers.get("api-key"))
            body = await request.json() if request.can_read_body else {}
            result = _to_json(await call(request.match_info.get("name", ""), body))
            is_version = isinstance(result, dict) and "version" in result
            return web.json_response(result if is_version else {"result": result, "status": "ok", "time": 0.0})

        return answer

    async def _version(self, *_: Any) -> models.VersionInfo:
        return models.VersionInfo(title="qdrant - vector search engine", version="1.19.0")

    async def _cluster(self, *_: Any) -> models.ClusterStatus:
        self.asked.set()
        return models.ClusterStatusOneOf1(
            status="enabled",
            peer_id=0,
            peers={str(node): models.PeerInfo(uri=f"http://node-{node}:6335") for node in range(self.placement.nodes)},
            raft_info=models.RaftInfo(term=1, commit=1, pending_operations=0, is_voter=True),
            consensus_thread_status=models.ConsensusThreadStatusOneOf(
                consensus_thread_status="working", last_update="2026-01-01T00:00:00Z"
            ),
            message_send_failures={},
        )

    async def _exists(self, name: str, _: Any) -> dict[str, bool]:
        return {"exists": await self._local.collection_exists(name)}

    async def _move_aliases(self, _: str, body: Any) -> bool:
        return await self._local.update_collection_aliases(models.ChangeAliasesOperation.model_validate(body).actions)

    async def _create(self, name: str, body: Any) -> bool:
        wanted = models.CreateCollection.model_validate(body)
        return await self._local.create_collection(
            name,
            vectors_config=wanted.vectors,
            sparse_vectors_config=wanted.sparse_vectors,
            metadata=wanted.metadata,
        )

    async def _upsert(self, name: str, body: Any) -> Any:
        wanted = models.PointsList.model_validate(body)
        return await self._local.upsert(name, wanted.points, update_mode=wanted.update_mode)

    async def _update(self, name: str, body: Any) -> Any:
        return await self._local.batch_update_points(name, models.UpdateOperations.model_validate(body).operations)

    async def _delete(self, name: str, body: Any) -> Any:
        return await self._local.delete(name, models.FilterSelector.model_validate(body))

    async def _retrieve(self, name: str, body: Any) -> Any:
        wanted = models.PointRequest.model_validate(body)
        return await self._local.retrieve(name, wanted.ids, with_payload=True, with_vectors=wanted.with_vector)

    async def _query(self, name: str, body: Any) -> Any:
        return await self._local.query_batch_points(name, models.QueryRequestBatch.model_validate(body).searches)

    async def _scroll(self, name: str, body: Any) -> Any:
        wanted = models.ScrollRequest.model_validate(body)
        page, following = await self._local.scroll(
            name,
            scroll_filter=wanted.filter,
            limit=wanted.limit or 10,
            offset=wanted.offset,
            with_payload=wanted.with_payload if wanted.with_payload is not None else True,
            with_vectors=wanted.with_vector or False,
            order_by=wanted.order_by,
        )
        return {"points": page, "next_page_offset": following}

    async def _count(self, name: str, body: Any) -> Any:
        return await self._local.count(name, models.CountRequest.model_validate(body).filter)

    async def _facet(self, name: str, body: Any) -> Any:
        wanted = models.FacetRequest.model_validate(body)
        return await self._local.facet(name, wanted.key, facet_filter=wanted.filter, exact=True)


@asynccontextmanager
async def open_rest_qdrant(path: str = "/qdrant", *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RestQdrant]:
    local = AsyncQdrantClient(":memory:")
    server = RestQdrant(local)
    app = web.Application()
    app.add_routes(server.routes(path))
    try:
        async with open_app(app, tls) as url:
            server.url = url + path
            yield server
    finally:
        await local.close()


async def _completed() -> models.UpdateResult:
    return models.UpdateResult(operation_id=1, status=models.UpdateStatus.COMPLETED)


def _to_json(value: Any) -> Any:
    match value:
        case BaseModel():
            return value.model_dump(mode="json")
        case dict():
            return {key: _to_json(it) for key, it in value.items()}
        case list():
            return [_to_json(it) for it in value]
        case _:
            return value
