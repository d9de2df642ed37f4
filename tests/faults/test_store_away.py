"""A Qdrant server that stops during a run: the run waits for it, and no document is lost or duplicated."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ingest.commands.ingestion import ingest_selection
from ingest.commands.selection import SourceSelection
from ingest.settings import ParsingSettings, Settings
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
_DOCUMENTS = 100


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
        env=environment(data_dir, RAG_PARSING__PROCESSES="1", **store),
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
        (folder / f"{n}.md").write_text(f"# Part {n}\n\n" + f"Sentence {n} about pumps. " * 5)
    process = await start_run(folder, data_dir, to_environment(settings_of(server)))
    async with asyncio.timeout(180):
        while (visible := (await points_of(server))[1]) == 0:  # noqa: ASYNC110 - another process writes the points
            await asyncio.sleep(0.1)
    await server.stop()
    assert visible < _DOCUMENTS
    await asyncio.sleep(_AWAY_SECONDS)
    await server.start()
    summary = await summary_of(process)
    assert (summary["new"], summary["rejected"]) == (_DOCUMENTS, [])
    points, visible = await points_of(server)
    assert points == visible == summary["chunks"]


@needs_real_qdrant
async def test_two_concurrent_runs_into_a_real_server_store_each_document_once(tmp_path, data_dir):
    settings = real_qdrant("faults")
    await two_runs(settings, tmp_path, data_dir)
    await drop_collections(settings)


async def test_two_concurrent_runs_store_each_document_once(server, tmp_path, data_dir):
    await two_runs(settings_of(server), tmp_path, data_dir)
    points, visible = await points_of(server)
    assert points == visible


async def two_runs(store: ServerStoreSettings, tmp_path, data_dir) -> None:
    """Ingest new documents in two programs at the same time, then changed ones in two tasks of this program."""
    folder = tmp_path / "documents"
    folder.mkdir()
    write(folder, state=0)
    for run in [await start_run(folder, data_dir, to_environment(store)) for _ in range(2)]:
        assert (await summary_of(run))["rejected"] == []
    write(folder, state=1)
    settings = Settings(data_dir=data_dir, store=store, parsing=ParsingSettings(processes=1))
    selection = SourceSelection(sources=[str(folder)], scope=SCOPE)
    runs = [ingest_selection(selection, settings, quiet=True) for _ in range(2)]
    assert [summary.rejected for summary in await asyncio.gather(*runs)] == [[], []]


def write(folder: Path, *, state: int) -> None:
    (folder / "0.md").write_text(f"# State {state}")
    for n in range(1, 6):
        (folder / f"{n}.md").write_text(f"# Part {n}\n\n" + f"Sentence {n} about pumps. " * 80)
