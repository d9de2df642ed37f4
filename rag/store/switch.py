"""A second collection, filled by another embedder while the first one serves, which then takes its place."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from rag.errors import InvalidInput, NotFound, Unavailable
from rag.settings import EdgeStoreSettings, ServerStoreSettings, StoreSettings
from rag.store.base import StoreReader, VectorStore
from rag.types import EmbedderIdentity


class AlreadyFilled(InvalidInput):
    """The current collection is this embedder's."""


class Succession(Protocol):
    """The collection that serves, and the one that is to follow it."""

    @property
    def current(self) -> StoreReader:
        """What is read from: it goes on growing."""
        ...

    @property
    def successor(self) -> VectorStore:
        """What is filled."""
        ...

    def pause(self) -> AbstractAsyncContextManager[bool]:
        """Keeps writers away and says whether it can; `Locked` where one is at work."""
        ...

    async def require_unchanged(self) -> None:
        """Raises `Unavailable` where somebody else has switched: what is written here would be lost, or would harm."""
        ...

    async def switch(self) -> None:
        """Readers see the successor from now on, if nobody else has switched; what was before is kept."""
        ...


def open_succession(
    settings: StoreSettings, embedder: EmbedderIdentity, *, root: Path
) -> AbstractAsyncContextManager[Succession]:
    """Raises `NotFound` without a collection, `AlreadyFilled` where this embedder has filled it.

    The successor is what is kept from before, where this embedder filled that, and empty else.
    """
    match settings:
        case EdgeStoreSettings():
            return _open_edge(root, embedder)
        case ServerStoreSettings():
            return _open_server(settings, embedder)


async def kept_embedder(settings: StoreSettings, *, root: Path) -> EmbedderIdentity:
    """Who filled the collection from before the last switch; raises `NotFound` without one."""
    match settings:
        case EdgeStoreSettings():
            from rag.store.edge.revisions import Revisions  # noqa: PLC0415

            return Revisions(root).kept_embedder()
        case ServerStoreSettings():
            from rag.store.server.collections import Collections  # noqa: PLC0415
            from rag.store.server.store import open_client  # noqa: PLC0415

            async with open_client(settings) as client:
                return await Collections(client, settings.collection).kept_embedder()


async def roll_back(settings: StoreSettings, *, root: Path) -> None:
    """Back to the collection from before the last switch; raises `NotFound` without one."""
    match settings:
        case EdgeStoreSettings():
            from rag.store.edge.revisions import Revisions  # noqa: PLC0415

            revisions = Revisions(root)
            with revisions.write_lock():
                revisions.roll_back()
        case ServerStoreSettings():
            from rag.store.server.collections import Collections  # noqa: PLC0415
            from rag.store.server.store import open_client  # noqa: PLC0415

            async with open_client(settings) as client:
                await Collections(client, settings.collection).roll_back()


@asynccontextmanager
async def _open_edge(root: Path, embedder: EmbedderIdentity) -> AsyncIterator[Succession]:
    from rag.store.edge.revisions import Revisions  # noqa: PLC0415
    from rag.store.edge.store import EdgeReader, EdgeWriter, open_edge_reader, open_edge_writer  # noqa: PLC0415

    revisions, successors = Revisions(root), Revisions(root / "successor")

    class Edge:
        def __init__(self, current: EdgeReader, successor: EdgeWriter) -> None:
            self.current: StoreReader = current
            self.successor: VectorStore = successor

        @asynccontextmanager
        async def pause(self) -> AsyncIterator[bool]:
            with revisions.write_lock():
                yield True

        async def require_unchanged(self) -> None:
            _require_unchanged(before, revisions.embedder())

        async def switch(self) -> None:
            await self.successor.publish()
            await self.require_unchanged()
            revisions.replace_by(successors)

    if successors.embedder() not in {None, embedder} or revisions.embedder() == embedder:
        # A run was killed that filled it for another embedder, or after the switch.
        _remove(root / "successor")
    before = _require_other(revisions.embedder(), embedder)
    with successors.write_lock():
        revisions.copy_fallback_to(successors, embedder)
    async with open_edge_reader(root, before) as current, open_edge_writer(root / "successor", embedder) as successor:
        yield Edge(current, successor)
    if revisions.embedder() == embedder:
        _remove(root / "successor")


def _remove(successor: Path) -> None:
    """Raises `Locked` while another process fills it."""
    from rag.store.edge.revisions import Revisions  # noqa: PLC0415

    if successor.is_dir():
        with Revisions(successor).write_lock():
            shutil.rmtree(successor, ignore_errors=True)


@asynccontextmanager
async def _open_server(settings: ServerStoreSettings, embedder: EmbedderIdentity) -> AsyncIterator[Succession]:
    from rag.store.server.collections import Collections  # noqa: PLC0415
    from rag.store.server.reader import ServerReader  # noqa: PLC0415
    from rag.store.server.store import ServerStore, open_client  # noqa: PLC0415

    async with open_client(settings) as client:
        collections = Collections(client, settings.collection)
        name = await collections.current()
        _require_other(await collections.embedder_of(name) if name else None, embedder)
        following = await collections.successor(embedder)
        await collections.create(following, embedder)

        class Server:
            current: StoreReader = ServerReader(client, name or "")
            successor: VectorStore = ServerStore(client, following)
            served = name

            @asynccontextmanager
            async def pause(self) -> AsyncIterator[bool]:
                # What they still write is brought over after the switch.
                yield False

            async def require_unchanged(self) -> None:
                _require_unchanged(self.served, await collections.current())

            async def switch(self) -> None:
                await self.require_unchanged()
                await collections.switch_to(following)
                self.served = following
                await collections.drop_leftovers()

        yield Server()


def _require_other(found: EmbedderIdentity | None, wanted: EmbedderIdentity) -> EmbedderIdentity:
    if found is None:
        raise NotFound("There is no collection yet: ingest documents first.")
    if found == wanted:
        raise AlreadyFilled(f"{wanted.model} has filled the collection already. Name another one with --embedder.")
    return found


def _require_unchanged(before: object, now: object) -> None:
    if now != before:
        raise Unavailable(
            "Somebody else has switched to another collection meanwhile, so this run has stopped and switched nothing. "
            "See `python -m ingest status`; run it again if it is still needed."
        )
