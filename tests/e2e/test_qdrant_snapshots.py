"""Snapshots of a Qdrant cluster and their weekly restore, against fake nodes with Qdrant's interface."""

import asyncio
import re
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.shipped.manifests import K8S

PROGRAM = K8S / "components" / "qdrant-cluster" / "snapshots.py"
KEY = "secret"
# One name is the prefix of another.
_PEERS = (8170, 817, 4230)


class Cluster:
    """Fake nodes that each hold a share of the points. A snapshot of a node contains only its number of points.

    As with a bucket, all snapshots lie together, and every node lists and gives out all of them.
    """

    def __init__(self, shares: list[int]) -> None:
        self.shares = {"groundwork-1": dict(enumerate(shares))}
        self.snapshots: dict[str, int] = {}
        self.lost = 0
        self.made = 0

    def app(self, node: int) -> web.Application:
        app = web.Application(middlewares=[_authorised], client_max_size=1 << 20)

        async def cluster(_: web.Request) -> web.Response:
            return _result({"status": "enabled", "peer_id": _PEERS[node]})

        async def aliases(_: web.Request) -> web.Response:
            return _result({"aliases": [{"alias_name": "groundwork", "collection_name": "groundwork-1"}]})

        async def make(request: web.Request) -> web.Response:
            self.made += 1
            collection = request.match_info["name"]
            name = f"{collection}-{_PEERS[node]}-2026-05-04-02-17-{self.made:02}.snapshot"
            self.snapshots[name] = self.shares[collection][node]
            return _result({"name": name, "size": 1, "creation_time": f"2026-05-04T02:17:{self.made:02}"})

        async def listed(_: web.Request) -> web.Response:
            times = {name: f"2026-05-04T02:17:{name.removesuffix('.snapshot')[-2:]}" for name in self.snapshots}
            return _result([{"name": name, "creation_time": time} for name, time in times.items()])

        async def fetch(request: web.Request) -> web.Response:
            return web.Response(text=str(self.snapshots[request.match_info["snapshot"]]))

        async def forget(request: web.Request) -> web.Response:
            del self.snapshots[request.match_info["snapshot"]]
            return _result(True)

        async def restore(request: web.Request) -> web.Response:
            assert request.query["priority"] == "snapshot"
            found = int((await request.post())["snapshot"].file.read())
            self.shares.setdefault(request.match_info["name"], {})[node] = found - self.lost
            return _result(True)

        async def count(request: web.Request) -> web.Response:
            return _result({"count": sum(self.shares[request.match_info["name"]].values())})

        async def drop(request: web.Request) -> web.Response:
            return _result(self.shares.pop(request.match_info["name"], None) is not None)

        app.add_routes(
            [
                web.get("/cluster", cluster),
                web.get("/aliases", aliases),
                web.post("/collections/{name}/snapshots", make),
                web.get("/collections/{name}/snapshots", listed),
                web.get("/collections/{name}/snapshots/{snapshot}", fetch),
                web.delete("/collections/{name}/snapshots/{snapshot}", forget),
                web.post("/collections/{name}/snapshots/upload", restore),
                web.post("/collections/{name}/points/count", count),
                web.delete("/collections/{name}", drop),
            ]
        )
        return app


def _result(value) -> web.Response:
    return web.json_response({"result": value, "status": "ok"})


@web.middleware
async def _authorised(request: web.Request, handler) -> web.StreamResponse:
    if request.headers.get("api-key") != KEY:
        return web.json_response({"status": {"error": "Invalid API key"}}, status=401)
    return await handler(request)


async def run(cluster: Cluster, action: str, key: str = KEY, **more: str) -> tuple[int, str]:
    async with AsyncExitStack() as stack:
        nodes = []
        for node in range(len(cluster.shares["groundwork-1"])):
            runner = web.AppRunner(cluster.app(node))
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            nodes.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAM),
            action,
            env={"QDRANT_NODES": " ".join(nodes), "RAG_STORE__API_KEY": key} | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()


async def test_every_node_gets_a_snapshot_and_the_oldest_are_deleted():
    cluster = Cluster([40, 30, 30])
    for _ in range(3):
        status, said = await run(cluster, "make", SNAPSHOTS_KEPT="2")
        assert status == 0, said
    kept = [[int(name[-11:-9]) for name in cluster.snapshots if f"-{peer}-" in name] for peer in _PEERS]
    assert kept == [[4, 7], [5, 8], [6, 9]]


async def test_a_drill_restores_the_latest_snapshots_counts_the_points_and_cleans_up():
    cluster = Cluster([40, 30, 30])
    await run(cluster, "make")
    status, said = await run(cluster, "drill")
    for node, peer in enumerate(_PEERS, start=1):
        snapshot = f"groundwork-1-{peer}-2026-05-04-02-17-{node:02}.snapshot"
        assert f"restoring {snapshot} into groundwork-drill" in said
    assert (status, re.findall(r"(\d+) points restored, (\d+) points in the live", said)) == (0, [("100", "100")])
    assert set(cluster.shares) == {"groundwork-1"}


async def test_a_restore_that_loses_points_fails_the_drill():
    cluster = Cluster([40, 30, 30])
    await run(cluster, "make")
    cluster.lost = 10
    status, said = await run(cluster, "drill")
    assert (status, "70 points restored" in said) == (1, True)
    assert set(cluster.shares) == {"groundwork-1"}


@pytest.mark.parametrize(("key", "said_of"), [(KEY, "no snapshot"), ("wrong", "401")])
async def test_a_failed_step_is_reported_with_its_reason(key, said_of):
    status, said = await run(Cluster([1]), "drill", key=key)
    assert status == 1
    assert said_of in said
    assert "Traceback" not in said


def test_the_node_names_are_those_of_the_chart():
    values = (PROGRAM.parent / "values.yaml").read_text()
    assert "fullnameOverride: qdrant\n" in values
    nodes = set(
        re.findall(r"http://(qdrant-\d)\.qdrant-headless:6333", Path(PROGRAM.parent / "snapshots.yaml").read_text())
    )
    assert nodes == {f"qdrant-{n}" for n in range(int(re.findall(r"replicaCount: (\d+)", values)[0]))}
