"""Snapshots of a collection, as files: made by the Qdrant server, downloaded from it, uploaded to it.

qdrant-client can neither download nor upload a snapshot, so this module uses the server's REST interface.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from rag.errors import InvalidInput, Unavailable
from rag.http import Upstream, open_session, require_success, translated_errors
from rag.settings import ServerStoreSettings, TimeoutSettings

_UPSTREAM = Upstream("Qdrant server", "RAG_STORE__URL and RAG_STORE__API_KEY")
_PIECE_BYTES = 1 << 20
# The server sends nothing while it writes or reads a snapshot, which may be of any size.
_TIMEOUTS = TimeoutSettings(read=3600)


class Snapshots:
    """The snapshot calls of one server."""

    def __init__(self, session: aiohttp.ClientSession, settings: ServerStoreSettings) -> None:
        self._session = session
        self._url = str(settings.url).rstrip("/")
        key = settings.api_key
        self._headers = {"api-key": key.get_secret_value()} if key else {}

    async def require_one_node(self) -> None:
        """Raise `InvalidInput` if the server is a cluster of several nodes."""
        cluster = await self._call("GET", "/cluster")
        if len(cluster.get("peers") or {}) > 1:
            raise InvalidInput(
                "This Qdrant is a cluster, and a snapshot holds the points of one node only. "
                "Back up its volumes or its object storage instead: docs/operations/runbooks/restore.md."
            )

    async def fetch(self, collection: str, target: Path) -> None:
        """Make a snapshot, download it, and delete it on the server."""
        made = await self._call("POST", f"/collections/{collection}/snapshots")
        path = f"/collections/{collection}/snapshots/{made['name']}"
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with translated_errors(_UPSTREAM):
                async with self._session.get(self._url + path, headers=self._headers) as response:
                    await require_success(_UPSTREAM, response)
                    with target.open("wb") as file:
                        async for piece in response.content.iter_chunked(_PIECE_BYTES):
                            file.write(piece)
        except OSError as error:
            raise Unavailable(f"The snapshot cannot be written: {error}. Is the disk full?") from error
        finally:
            await self._call("DELETE", path)

    async def send(self, collection: str, source: Path) -> None:
        """Create a collection from a snapshot file."""
        with source.open("rb") as file:
            form = aiohttp.FormData()
            form.add_field("snapshot", file, filename=source.name)
            await self._call("POST", f"/collections/{collection}/snapshots/upload?priority=snapshot", data=form)

    async def _call(self, method: str, path: str, **more: Any) -> Any:
        with translated_errors(_UPSTREAM):
            async with self._session.request(method, self._url + path, headers=self._headers, **more) as response:
                await require_success(_UPSTREAM, response)
                return (await response.json()).get("result")


@asynccontextmanager
async def open_snapshots(settings: ServerStoreSettings) -> AsyncIterator[Snapshots]:
    async with open_session(_TIMEOUTS) as session:
        yield Snapshots(session, settings)
