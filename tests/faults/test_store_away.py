"""A Qdrant server that stops during a run: the run waits for it, and no document is lost or duplicated."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from rag.settings import ServerStoreSettings
from rag.store.server.collections import Collections
from rag.store.server.connection import open_client
from rag.store.server.store import ServerStore
from rag.types import EVERYTHING
from tests.support.fakes.qdrant import QdrantServer, open_qdrant
from tests.support.programs import environment
from tests.support.servers.qdrant_server import drop_collections, needs_real_qdrant, real_qdrant, to_environment
from tests.support.verdict import SCOPE, require_whole

# `make faults` stops the server for longer. Both times are long enough for several retries.
_AWAY_SECONDS = 30 if os.environ.get("TEST_KILLS") else 12
_DOCUMENTS = 120


@pytest.fixture
async def server():
    async with open_qdrant() as opened:
        yield opened


def settings_of(server: QdrantServer) -> ServerStoreSettings:
    return ServerStoreSettings(kind="server", url="http://127.0.0.1:1", grpc_port=server.port)


async def points_of(server: QdrantServer) -> tuple[int, int]:
    """Return the number of all points and of visible ones, after a check that each document is complete."""
    async with open_client(settings_of(server)) as client:
        name = await Collections(client, "groundwork").current()
        if name is None:
            return 0, 0
        chunks = [chunk async for chunk in ServerStore(client, name).scroll(SCOPE, EVERYTHING)]
        require_whole(chunks)
        return (await client.count(name, exact=True)).count, len(chunks)


async def start_run(folder: Path, data_dir: Path, store: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ingest", "run", str(folder), "--json"),
        env=environment(data_dir, **store),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def summary_of(run: asyncio.subprocess.Process) -> dict[str, Any]:
    output, errors = await asyncio.wait_for(run.communicate(), 300)
    assert output, errors.decode()
    return json.loads(output)


async def test_a_run_waits_for_an_unavailable_store(server, tmp_path, data_dir):
    folder = tmp_path / "documents"
    folder.mkdir()
    for n in range(_DOCUMENTS):
        (folder / f"{n}.md").write_text(f"# Part {n}\n\n" + f"Sentence {n} about pumps. " * 80)
    process = await start_run(folder, data_dir, to_environment(settings_of(server)))
    async with asyncio.timeout(180):
        while (await points_of(server))[1] == 0:  # noqa: ASYNC110 - another process writes the points
            await asyncio.sleep(0.1)
    await server.stop()
    assert process.returncode is None
    await asyncio.sleep(_AWAY_SECONDS)
    await server.start()
    summary = await summary_of(process)
    assert (summary["new"], summary["rejected"]) == (_DOCUMENTS, [])
    points, visible = await points_of(server)
    assert points == visible == summary["chunks"]


@needs_real_qdrant
async def test_two_concurrent_runs_into_a_real_server_store_each_document_once(tmp_path, data_dir):
    settings = real_qdrant("faults")
    await two_runs(to_environment(settings), tmp_path, data_dir)
    await drop_collections(settings)


async def test_two_concurrent_runs_store_each_document_once(server, tmp_path, data_dir):
    await two_runs(to_environment(settings_of(server)), tmp_path, data_dir)
    points, visible = await points_of(server)
    assert points == visible


async def two_runs(store: dict[str, str], tmp_path, data_dir) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for n in range(20):
        (folder / f"{n}.md").write_text(f"# Part {n}\n\n" + f"Sentence {n} about pumps. " * 80)
    for state in range(2):
        (folder / "0.md").write_text(f"# State {state}")
        for run in [await start_run(folder, data_dir, store) for _ in range(2)]:
            assert (await summary_of(run))["rejected"] == []
