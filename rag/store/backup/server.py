"""A Qdrant server's collection as a snapshot: made by the server, fetched from it, sent to it again.

qdrant-client has no call that fetches or sends one, so this speaks the server's REST interface.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from rag.errors import InvalidInput, NotFound, Unavailable
from rag.http import open_session, require_success, translated_errors
from rag.settings import ServerStoreSettings, TimeoutSettings
from rag.store.backup.base import Copying, Restoring, require_replaceable
from rag.store.base import StoreReader
from rag.store.server.collections import Collections
from rag.store.server.reader import ServerReader
from rag.store.server.store import open_client
from rag.types import EmbedderIdentity

_PART = "Qdrant server"
_NAME = "collection.snapshot"
_PIECE_BYTES = 1 << 20
# The server is silent while it writes or reads a snapshot of any size.
_PATIENCE = TimeoutSettings(read=3600)


@asynccontextmanager
async def open_copying_server(settings: ServerStoreSettings, folder: Path) -> AsyncIterator[Copying]:
    """Raises `NotFound` without a collection, `InvalidInput` for a cluster, whose snapshots are of one node each."""
    async with open_client(settings) as client, _open_rest(settings) as rest:
        collections = Collections(client, settings.collection)
        found = await collections.current()
        if found is None:
            raise NotFound(f"There is no collection {settings.collection} on {settings.url} yet.")
        current = found
        await rest.require_one_node()

        class Server:
            stands_still = False
            reader: StoreReader = ServerReader(client, current)

            async def copy(self) -> EmbedderIdentity:
                await rest.fetch_snapshot(current, folder / _NAME)
                return await collections.embedder_of(current)

        yield Server()


@asynccontextmanager
async def open_restoring_server(
    settings: ServerStoreSettings, folder: Path, *, replace: bool
) -> AsyncIterator[Restoring]:
    """Reads the snapshot into a new collection, which the alias does not point to yet."""
    async with open_client(settings) as client, _open_rest(settings) as rest:
        collections = Collections(client, settings.collection)
        require_replaceable(await collections.current(), replace=replace)
        await rest.require_one_node()
        # Never one that is there: it may be kept for going back, or another process may be filling it.
        following = await collections.unused()

        class Server:
            reader: StoreReader = ServerReader(client, following)

            async def switch(self) -> None:
                await collections.switch_to(following)
                await collections.drop_leftovers()

        try:
            await rest.send_snapshot(following, folder / _NAME)
            yield Server()
        finally:
            if await collections.current() != following:
                await collections.drop(following)


class _Rest:
    def __init__(self, session: aiohttp.ClientSession, settings: ServerStoreSettings) -> None:
        self._session = session
        self._url = str(settings.url).rstrip("/")
        key = settings.api_key
        self._headers = {"api-key": key.get_secret_value()} if key else {}

    async def require_one_node(self) -> None:
        cluster = await self._ask("GET", "/cluster")
        if len(cluster.get("peers") or {}) > 1:
            raise InvalidInput(
                "A snapshot holds what one node has, and this Qdrant is a cluster. Back up its volumes or its object "
                "storage as docs/operations/runbooks/restore.md says."
            )

    async def fetch_snapshot(self, collection: str, target: Path) -> None:
        """The server keeps none of it."""
        made = await self._ask("POST", f"/collections/{collection}/snapshots")
        path = f"/collections/{collection}/snapshots/{made['name']}"
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with translated_errors(_PART):
                async with self._session.get(self._url + path, headers=self._headers) as response:
                    await require_success(_PART, response)
                    with target.open("wb") as file:
                        async for piece in response.content.iter_chunked(_PIECE_BYTES):
                            file.write(piece)
        except OSError as error:
            raise Unavailable(f"The snapshot cannot be written: {error}. Is the disk full?") from error
        finally:
            await self._ask("DELETE", path)

    async def send_snapshot(self, collection: str, source: Path) -> None:
        with source.open("rb") as file:
            form = aiohttp.FormData()
            form.add_field("snapshot", file, filename=source.name)
            await self._ask("POST", f"/collections/{collection}/snapshots/upload?priority=snapshot", data=form)

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        """The `result` of the answer."""
        with translated_errors(_PART):
            async with self._session.request(method, self._url + path, headers=self._headers, **more) as response:
                await require_success(_PART, response)
                return (await response.json()).get("result")


@asynccontextmanager
async def _open_rest(settings: ServerStoreSettings) -> AsyncIterator[_Rest]:
    async with open_session(_PATIENCE) as session:
        yield _Rest(session, settings)
