"""Measurements of searches on a Qdrant server behind a TCP proxy, which breaks or silences the connections."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import HttpUrl

from rag.errors import Unavailable
from rag.settings import ServerStoreSettings
from rag.store.base import StoreReader
from rag.store.server.store import open_server_reader, open_server_store
from rag.types import DocumentId
from tests.support.contracts.store import EMBEDDER, OURS, point, put, query
from tests.support.fakes.qdrant import open_qdrant
from tests.support.fakes.tcp_proxy import TcpProxy, open_tcp_proxy
from tests.support.servers.qdrant_server import URL, drop_collections, real_qdrant

# No measurement is expected to take as long.
_LIMIT_SECONDS = 300.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """Searches for a document that is replaced without pause."""

    searches: int
    versions: int
    """Number of times that the document was replaced."""
    found_nothing: int


@asynccontextmanager
async def a_server() -> AsyncIterator[ServerStoreSettings]:
    """Yield the settings of a new collection on the real server, or on a stand-in; remove it at the end."""
    if URL is None:
        async with open_qdrant() as server:
            yield ServerStoreSettings(kind="server", url=HttpUrl("http://127.0.0.1:1"), grpc_port=server.port)
        return
    settings = real_qdrant("drill")
    try:
        yield settings
    finally:
        await drop_collections(settings)


async def measure_outage(settings: ServerStoreSettings, *, seconds: float) -> float:
    """Return the seconds from the return of the server until a search succeeds again."""
    async with _a_reader_behind_a_proxy(settings) as (reader, proxy):
        await proxy.stop()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await _search_once(reader)
            await asyncio.sleep(_POLL_SECONDS)
        await proxy.start()
        return await _measure_until_found(reader)


async def measure_silence(settings: ServerStoreSettings) -> float:
    """Return the seconds from the silence of the peer until a search succeeds on another connection."""
    async with _a_reader_behind_a_proxy(settings) as (reader, proxy):
        proxy.silence()
        return await _measure_until_found(reader)


async def measure_replacement(settings: ServerStoreSettings, *, seconds: float) -> Replacement:
    """Replace a document without pause, and search it from another connection meanwhile."""
    async with (
        open_server_store(settings, EMBEDDER) as writer,
        open_server_reader(settings, EMBEDDER) as reader,
    ):
        await put(writer, OURS, [point("the torque is 0", version="0", ingested_at=0.0)])
        versions = searches = found_nothing = 0

        async def replace() -> None:
            nonlocal versions
            while True:
                versions += 1
                version, text = str(versions), f"the torque is {versions}"
                await writer.stage(OURS, [point(text, version=version, ingested_at=float(versions))])
                await writer.commit(OURS, DocumentId("doc"), version)

        replacing = asyncio.create_task(replace())
        end = time.monotonic() + seconds
        while time.monotonic() < end and not replacing.done():
            searches += 1
            found_nothing += not await reader.search(OURS, query("the torque"), limit=5)
        replacing.cancel()
        await asyncio.wait([replacing])
        if not replacing.cancelled() and (error := replacing.exception()):
            raise error
        return Replacement(searches=searches, versions=versions, found_nothing=found_nothing)


@asynccontextmanager
async def _a_reader_behind_a_proxy(settings: ServerStoreSettings) -> AsyncIterator[tuple[StoreReader, TcpProxy]]:
    async with open_server_store(settings, EMBEDDER) as store:
        await put(store, OURS, [point("the torque is 12 newton metres")])
    async with open_tcp_proxy(settings.grpc_port, settings.url.host or "127.0.0.1") as proxy:
        behind = settings.model_copy(update={"url": settings.url.build(scheme="http", host="127.0.0.1", port=1)})
        behind = behind.model_copy(update={"grpc_port": proxy.port})
        async with open_server_reader(behind, EMBEDDER) as reader:
            assert await _search_once(reader)
            yield reader, proxy


async def _measure_until_found(reader: StoreReader) -> float:
    began = time.monotonic()
    while not await _search_once(reader):
        assert time.monotonic() - began < _LIMIT_SECONDS, "no search has succeeded"
        await asyncio.sleep(_POLL_SECONDS)
    return time.monotonic() - began


async def _search_once(reader: StoreReader) -> bool:
    try:
        return bool(await reader.search(OURS, query("torque"), limit=1))
    except Unavailable:
        return False
