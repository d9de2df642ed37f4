"""Everything that can be done with an embedded collection in one folder."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rag.errors import InvalidInput
from rag.store.backend import (
    CollectionBackup,
    CollectionCopy,
    CollectionRestore,
    Migration,
    StoredCopy,
    require_another_origin,
    require_replaceable,
    require_same_collection,
)
from rag.store.base import Catalogue, PointReader, StoreReader, VectorStore
from rag.store.earlier import EarlierReader
from rag.store.edge.revisions import Revisions
from rag.store.edge.store import EdgeReader, open_edge_reader, open_edge_writer
from rag.store.schema import SCHEMA, Origin
from rag.tasks import finish
from rag.types import EmbedderIdentity


class EdgeBackend:
    """The embedded collection in `root`."""

    keeps_staged = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self._revisions = Revisions(root)

    def open_reader(self, embedder: EmbedderIdentity) -> AbstractAsyncContextManager[StoreReader]:
        return open_edge_reader(self._root, embedder)

    def open_writer(self, embedder: EmbedderIdentity) -> AbstractAsyncContextManager[VectorStore]:
        return open_edge_writer(self._root, embedder)

    @asynccontextmanager
    async def open_catalogue(self) -> AsyncIterator[Catalogue | None]:
        # `embedder` refuses a collection of another schema.
        yield EdgeReader(self._revisions, None) if self._revisions.embedder() else None

    async def embedder(self) -> EmbedderIdentity | None:
        return self._revisions.embedder()

    async def origin(self) -> Origin | None:
        return self._revisions.origin()

    @asynccontextmanager
    async def open_earlier(self, schema: int) -> AsyncIterator[PointReader]:
        yield EarlierReader(EdgeReader(self._revisions, None).scan, schema)

    @asynccontextmanager
    async def open_migration(self, embedder: EmbedderIdentity) -> AsyncIterator[Migration]:
        root, wanted = self._root / "successor", Origin(schema=SCHEMA, embedder=embedder)
        successors = Revisions(root)
        if successors.origin() not in {None, wanted} or self._revisions.origin() == wanted:
            # A killed run filled it for another embedder, or was killed after the switch.
            _remove(root)
        origin = require_another_origin(self._revisions.origin(), embedder)
        with successors.write_lock():
            self._revisions.copy_fallback_to(successors, embedder)
        is_earlier = origin.schema != SCHEMA
        reading = self.open_earlier(origin.schema) if is_earlier else open_edge_reader(self._root, origin.embedder)
        async with reading as current, open_edge_writer(root, embedder) as successor:
            yield _EdgeMigration(self._revisions, successors, origin, current, successor)
        if self._revisions.origin() == wanted:
            _remove(root)

    @asynccontextmanager
    async def open_copies(self, nodes: Sequence[str]) -> AsyncIterator[Mapping[str, StoredCopy]]:
        if nodes:
            raise InvalidInput("The embedded collection has no nodes. Remove --node.")
        yield {"the published revision": EdgeReader(self._revisions, None)}

    async def find_missing_copies(self) -> str:
        return ""

    async def fallback_origin(self) -> Origin:
        return self._revisions.fallback_origin()

    async def roll_back(self) -> None:
        with self._revisions.write_lock():
            self._revisions.roll_back()

    @asynccontextmanager
    async def open_backup(self, folder: Path) -> AsyncIterator[CollectionBackup]:
        target = Revisions(folder)
        reader = EdgeReader(target, None)

        async def copy() -> CollectionCopy:
            embedder = await asyncio.to_thread(self._revisions.copy_to, target)
            survey = await reader.survey(since=0)
            return CollectionCopy(embedder=embedder, documents=survey.documents, chunks=survey.chunks)

        yield CollectionBackup(reader=reader, reads_the_copy=True, copy=copy)

    @asynccontextmanager
    async def open_restore(self, folder: Path, *, replace: bool) -> AsyncIterator[CollectionRestore]:
        root = self._root / "restoring"
        restored = Revisions(root)
        with self._revisions.write_lock():
            require_replaceable(self._revisions.current(), replace=replace)
            shutil.rmtree(root, ignore_errors=True)  # A killed restore may have left it.
            try:
                # The backup is copied and not opened, because the engine writes into what it opens.
                # Both to their end: the lock must be held, and the folder must exist, as long as a thread copies.
                await finish(asyncio.to_thread(Revisions(folder).copy_to, restored))

                async def switch() -> None:
                    await finish(asyncio.to_thread(self._revisions.replace_by, restored))

                yield CollectionRestore(reader=EdgeReader(restored, None), switch=switch)
            finally:
                shutil.rmtree(root, ignore_errors=True)


@dataclass(slots=True)
class _EdgeMigration:
    revisions: Revisions
    successors: Revisions
    origin: Origin
    current: PointReader
    successor: VectorStore
    keeps_current: bool = True

    @asynccontextmanager
    async def pause(self) -> AsyncIterator[bool]:
        with self.revisions.write_lock():
            yield True

    async def require_unchanged(self) -> None:
        require_same_collection(self.origin, self.revisions.origin())

    async def switch(self) -> None:
        await self.successor.publish()
        await self.require_unchanged()
        self.revisions.replace_by(self.successors)


def _remove(successor: Path) -> None:
    """Delete a successor; raises `Locked` while another process fills it."""
    if successor.is_dir():
        with Revisions(successor).write_lock():
            shutil.rmtree(successor, ignore_errors=True)
