"""Everything that can be done with a collection on a Qdrant server or cluster."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from qdrant_client import AsyncQdrantClient

from rag.errors import NotFound, Unavailable
from rag.settings import ServerStoreSettings
from rag.store.archive import ArchiveReader
from rag.store.backend import (
    CollectionBackup,
    CollectionRestore,
    Migration,
    StoredCopy,
    require_another_origin,
    require_replaceable,
    require_same_collection,
)
from rag.store.base import Catalogue, PointReader, StoreReader, VectorStore
from rag.store.earlier import EarlierReader
from rag.store.schema import SCHEMA, Origin, to_identity
from rag.store.server.archiving import copy_to_archive, fill_from_archive
from rag.store.server.collections import Collections
from rag.store.server.connection import nodes_of, open_client, to_node
from rag.store.server.copies import find_missing_copies, wait_until_searchable
from rag.store.server.reader import ServerReader
from rag.store.server.store import ServerStore, open_server_reader, open_server_store
from rag.types import EmbedderIdentity


class ServerBackend:
    """The collection that an alias on a Qdrant server points to."""

    keeps_staged = True

    def __init__(self, settings: ServerStoreSettings) -> None:
        self._settings = settings

    def open_reader(self, embedder: EmbedderIdentity) -> AbstractAsyncContextManager[StoreReader]:
        return open_server_reader(self._settings, embedder)

    @asynccontextmanager
    async def open_writer(self, embedder: EmbedderIdentity) -> AsyncIterator[VectorStore]:
        async with open_server_store(self._settings, embedder) as store:
            await store.delete_abandoned()
            yield store

    @asynccontextmanager
    async def open_catalogue(self) -> AsyncIterator[Catalogue | None]:
        async with self._open_collections() as (client, collections):
            current = await collections.current()
            if current:
                await collections.embedder_of(current)  # Refuses a collection of another schema.
            yield ServerReader(client, current) if current else None

    async def embedder(self) -> EmbedderIdentity | None:
        async with self._open_collections() as (_, collections):
            current = await collections.current()
            return await collections.embedder_of(current) if current else None

    async def origin(self) -> Origin | None:
        async with self._open_collections() as (_, collections):
            current = await collections.current()
            return await collections.origin_of(current) if current else None

    @asynccontextmanager
    async def open_earlier(self, schema: int) -> AsyncIterator[PointReader]:
        async with self._open_collections() as (client, collections):
            yield EarlierReader(ServerReader(client, await collections.current() or "").scan, schema)

    @asynccontextmanager
    async def open_migration(self, embedder: EmbedderIdentity) -> AsyncIterator[Migration]:
        async with self._open_collections() as (client, collections):
            current = await collections.current()
            origin = require_another_origin(await collections.origin_of(current) if current else None, embedder)
            successor = await collections.successor(embedder)
            await collections.create(successor, embedder)
            yield _ServerMigration(client, collections, origin, current or "", successor)

    @asynccontextmanager
    async def open_copies(self, nodes: Sequence[str]) -> AsyncIterator[Mapping[str, StoredCopy]]:
        """A node answers from its own copies where it has them, so all nodes together show all copies."""
        async with AsyncExitStack() as stack:
            copies: dict[str, StoredCopy] = {}
            for node in nodes or await nodes_of(self._settings):
                try:
                    client = await stack.enter_async_context(open_client(to_node(self._settings, node)))
                except Unavailable as error:
                    raise type(error)(f"The node {node} does not answer: {error}", upstream=error.upstream) from error
                current = await Collections(client, self._settings.collection).current()
                if current is None:
                    raise NotFound(f"There is no collection {self._settings.collection} on {node}.")
                copies[node] = ServerReader(client, current)
            yield copies

    async def find_missing_copies(self) -> str:
        async with self._open_collections() as (client, collections):
            current = await collections.current()
            if current is None or self._settings.nodes == 1:
                return ""
            return await find_missing_copies(client, current, nodes=self._settings.nodes)

    async def fallback_origin(self) -> Origin:
        async with self._open_collections() as (_, collections):
            return await collections.fallback_origin()

    async def roll_back(self) -> None:
        async with self._open_collections() as (_, collections):
            await collections.roll_back()

    @asynccontextmanager
    async def open_backup(self, folder: Path) -> AsyncIterator[CollectionBackup]:
        async with self._open_collections() as (client, collections):
            current = await collections.current()
            if current is None:
                raise NotFound(f"There is no collection {self._settings.collection} on {self._settings.url} yet.")
            embedder, reader = await collections.embedder_of(current), ServerReader(client, current)

            yield CollectionBackup(
                reader=reader, reads_the_copy=False, copy=partial(copy_to_archive, reader, embedder, folder)
            )

    @asynccontextmanager
    async def open_restore(self, folder: Path, *, replace: bool) -> AsyncIterator[CollectionRestore]:
        archive = ArchiveReader(folder)
        async with self._open_collections() as (client, collections):
            require_replaceable(await collections.current(), replace=replace)
            # A new name, because an existing collection may be the fallback, or another process may be filling it.
            restored = await collections.unused()

            async def switch() -> None:
                await collections.switch_to(restored)
                await collections.drop_leftovers()

            try:
                await collections.create(restored, to_identity(archive.metadata))
                await fill_from_archive(client, restored, archive)
                await wait_until_searchable(client, restored, nodes=self._settings.nodes)
                yield CollectionRestore(reader=ServerReader(client, restored), switch=switch)
            finally:
                if await collections.current() != restored:
                    await collections.drop(restored)

    @asynccontextmanager
    async def _open_collections(self) -> AsyncIterator[tuple[AsyncQdrantClient, Collections]]:
        async with open_client(self._settings) as client:
            yield client, Collections(client, self._settings.collection, nodes=self._settings.nodes)


class _ServerMigration:
    def __init__(
        self, client: AsyncQdrantClient, collections: Collections, origin: Origin, current: str, successor: str
    ) -> None:
        self._collections = collections
        self._served = current
        self._successor = successor
        self.origin = origin
        self.keeps_current = not collections.is_without_alias(current)
        reader = ServerReader(client, current)
        self.current: PointReader = reader if origin.schema == SCHEMA else EarlierReader(reader.scan, origin.schema)
        self.successor: VectorStore = ServerStore(client, successor)

    @asynccontextmanager
    async def pause(self) -> AsyncIterator[bool]:
        # A server cannot lock writers out. What they write meanwhile is migrated after the switch.
        yield False

    async def require_unchanged(self) -> None:
        require_same_collection(self._served, await self._collections.current())

    async def switch(self) -> None:
        await self.require_unchanged()
        await self._collections.switch_to(self._successor)
        self._served = self._successor
        await self._collections.drop_leftovers()
