"""The REST interface for snapshots of the stand-in Qdrant server in `tests.support.fakes.qdrant`."""

import pickle
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from qdrant_client import grpc as wire
from qdrant_client import models

from tests.support.fakes.qdrant import QdrantServer


class Snapshots:
    """The stored snapshots, and the number of nodes that the server reports."""

    def __init__(self, server: QdrantServer) -> None:
        self._server = server
        self.kept: dict[str, bytes] = {}
        self.nodes = 1
        self.url = ""

    def routes(self) -> list[web.RouteDef]:
        base = "/collections/{collection}/snapshots"
        return [
            web.get("/cluster", self._cluster),
            web.post(base, self._make),
            web.post(f"{base}/upload", self._take),
            web.get(f"{base}/{{name}}", self._give),
            web.delete(f"{base}/{{name}}", self._drop),
        ]

    async def _cluster(self, _: web.Request) -> web.Response:
        if self.nodes == 1:
            return web.json_response({"result": {"status": "disabled"}})
        peers = {str(n): {"uri": f"http://node-{n}:6335/"} for n in range(self.nodes)}
        return web.json_response({"result": {"status": "enabled", "peers": peers}})

    async def _make(self, request: web.Request) -> web.Response:
        collection, name = request.match_info["collection"], f"{uuid.uuid4()}.snapshot"
        local, created = self._server.local, self._server.created[collection]
        records, _ = await local.scroll(collection, limit=10_000, with_vectors=True)
        self.kept[name] = pickle.dumps((created.SerializeToString(), records))
        return web.json_response({"result": {"name": name, "size": len(self.kept[name])}})

    async def _give(self, request: web.Request) -> web.Response:
        return web.Response(body=self.kept[request.match_info["name"]])

    async def _drop(self, request: web.Request) -> web.Response:
        del self.kept[request.match_info["name"]]
        return web.json_response({"result": True})

    async def _take(self, request: web.Request) -> web.Response:
        part = (await request.post())["snapshot"]
        created_bytes, records = pickle.loads(part.file.read())
        created = wire.CreateCollection.FromString(created_bytes)
        created.collection_name = request.match_info["collection"]
        await self._server.create(created)
        points = [models.PointStruct(id=it.id, vector=it.vector, payload=it.payload) for it in records]
        await self._server.local.upsert(created.collection_name, points)
        return web.json_response({"result": True})


@asynccontextmanager
async def serve_snapshots(server: QdrantServer) -> AsyncIterator[Snapshots]:
    snapshots = Snapshots(server)
    app = web.Application(client_max_size=1 << 30)
    app.add_routes(snapshots.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    snapshots.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield snapshots
    finally:
        await runner.cleanup()
