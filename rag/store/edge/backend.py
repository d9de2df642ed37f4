"""Everything that can be done with an embedded collection in one folder."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

from rag.store.backend import (
    CollectionBackup,
    CollectionRestore,
    Migration,
    require_another_embedder,
    require_replaceable,
    require_same_collection,
)
from rag.store.base import Catalogue, StoreReader, VectorStore
from rag.store.edge.revisions import Revisions
from rag.store.edge.store import EdgeReader, open_edge_reader, open_edge_writer
from rag.types import EmbedderIdentity


class EdgeBackend:
    """The embedded collection in `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._revisions = Revisions(root)

    def open_reader(self, embedder: EmbedderIdentity) -> AbstractAsyncContextManager[StoreReader]:
        return open_edge_reader(self._root, embedder)

    def open_writer(self, embedder: EmbedderIdentity) -> AbstractAsyncContextManager[VectorStore]:
        return open_edge_writer(self._root, embedder)

    @asynccontextmanager
    async def open_catalogue(self) -> AsyncIterator[Catalogue | None]:
        yield EdgeReader(self._revisions, None) if self._revisions.current() else None

    async def embedder(self) -> EmbedderIdentity | None:
        return self._revisions.embedder()

    @asynccontextmanager
    async def open_migration(self, embedder: EmbedderIdentity) -> AsyncIterator[Migration]:
        root = self._root / "successor"
        successors = Revisions(root)
        if successors.embedder() not in {None, embedder} or self._revisions.embedder() == embedder:
            # A killed run filled it for another embedder, or was killed after the switch.
            _remove(root)
        before = require_another_embedder(self._revisions.embedder(), embedder)
        with successors.write_lock():
            self._revisions.copy_fallback_to(successors, embedder)
        async with open_edge_reader(self._root, before) as current, open_edge_writer(root, embedder) as successor:
            yield _EdgeMigration(self._revisions, successors, current, successor)
        if self._revisions.embedder() == embedder:
            _remove(root)

    async def fallback_embedder(self) -> EmbedderIdentity:
        return self._revisions.fallback_embedder()

    async def roll_back(self) -> None:
        with self._revisions.write_lock():
            self._revisions.roll_back()

    @asynccontextmanager
    async def open_backup(self, folder: Path) -> AsyncIterator[CollectionBackup]:
        target = Revisions(folder)
        copy = partial(asyncio.to_thread, self._revisions.copy_to, target)
        yield CollectionBackup(reader=EdgeReader(target, None), reads_the_copy=True, copy=copy)

    @asynccontextmanager
    async def open_restore(self, folder: Path, *, replace: bool) -> AsyncIterator[CollectionRestore]:
        root = self._root / "restoring"
        restored = Revisions(root)
        with self._revisions.write_lock():
            require_replaceable(self._revisions.current(), replace=replace)
            shutil.rmtree(root, ignore_errors=True)  # A killed restore may have left it.
            try:
                # The backup is copied and not opened, because the engine writes into what it opens.
                await asyncio.to_thread(Revisions(folder).copy_to, restored)
                switch = partial(asyncio.to_thread, self._revisions.replace_by, restored)
                yield CollectionRestore(reader=EdgeReader(restored, None), switch=switch)
            finally:
                shutil.rmtree(root, ignore_errors=True)


class _EdgeMigration:
    def __init__(
        self, revisions: Revisions, successors: Revisions, current: StoreReader, successor: VectorStore
    ) -> None:
        self._revisions = revisions
        self._successors = successors
        self._before = revisions.embedder()
        self.current = current
        self.successor = successor

    @asynccontextmanager
    async def pause(self) -> AsyncIterator[bool]:
        with self._revisions.write_lock():
            yield True

    async def require_unchanged(self) -> None:
        require_same_collection(self._before, self._revisions.embedder())

    async def switch(self) -> None:
        await self.successor.publish()
        await self.require_unchanged()
        self._revisions.replace_by(self._successors)


def _remove(successor: Path) -> None:
    """Delete a successor; raises `Locked` while another process fills it."""
    if successor.is_dir():
        with Revisions(successor).write_lock():
            shutil.rmtree(successor, ignore_errors=True)
