"""What is published, as files of a backup, and back again: first beside what serves, then in its place.

The files are whatever the store itself reads: an embedded collection's revision, a Qdrant server's snapshot.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from rag.errors import InvalidInput
from rag.settings import EdgeStoreSettings, ServerStoreSettings, StoreSettings
from rag.store.base import StoreReader
from rag.types import EmbedderIdentity


class Copying(Protocol):
    """A published collection that can be copied out."""

    stands_still: bool
    """Whether the reader reads the copy, which nobody changes; else it reads what is copied, and workers go on."""

    @property
    def reader(self) -> StoreReader:
        """To count and to ask; where it reads the copy, of use after that was made."""
        ...

    async def copy(self) -> EmbedderIdentity:
        """Writes the files anew, and says who filled the collection; raises `NotFound` where there is none."""
        ...


class Restoring(Protocol):
    """A restored collection that nobody sees yet."""

    @property
    def reader(self) -> StoreReader:
        """Reads it."""
        ...

    async def switch(self) -> None:
        """Readers see it from now on; what was before is kept for `reindex --rollback`."""
        ...


def open_copying(settings: StoreSettings, folder: Path, *, root: Path) -> AbstractAsyncContextManager[Copying]:
    """Copies go into the folder; raises `NotFound` where there is no collection yet."""
    match settings:
        case EdgeStoreSettings():
            return _open_copying_edge(folder, root)
        case ServerStoreSettings():
            from rag.store.server_backups import open_copying_server  # noqa: PLC0415

            return open_copying_server(settings, folder)


def open_restoring(
    settings: StoreSettings, folder: Path, *, root: Path, embedder: EmbedderIdentity, replace: bool
) -> AbstractAsyncContextManager[Restoring]:
    """Reads the folder back in; what is not switched to is gone when this closes.

    Raises `InvalidInput` where there is a collection already and `replace` is not said, `Locked` while it is written.
    """
    match settings:
        case EdgeStoreSettings():
            return _open_restoring_edge(folder, root, replace=replace)
        case ServerStoreSettings():
            from rag.store.server_backups import open_restoring_server  # noqa: PLC0415

            return open_restoring_server(settings, folder, embedder=embedder, replace=replace)


def require_replaceable(there: object, *, replace: bool) -> None:
    if there is not None and not replace:
        raise InvalidInput(
            "There is a collection already, and it would be replaced. Restore to a new place (RAG_DATA_DIR, or "
            "RAG_STORE__COLLECTION on a server), or say --replace: what is there now is kept for `reindex --rollback`."
        )


@asynccontextmanager
async def _open_copying_edge(folder: Path, root: Path) -> AsyncIterator[Copying]:
    from rag.store.edge import EdgeReader  # noqa: PLC0415
    from rag.store.revisions import Revisions  # noqa: PLC0415

    class Edge:
        stands_still = True
        reader: StoreReader = EdgeReader(Revisions(folder), None)

        async def copy(self) -> EmbedderIdentity:
            return await asyncio.to_thread(Revisions(root).copy_to, Revisions(folder))

    yield Edge()


@asynccontextmanager
async def _open_restoring_edge(folder: Path, root: Path, *, replace: bool) -> AsyncIterator[Restoring]:
    from rag.store.edge import EdgeReader  # noqa: PLC0415
    from rag.store.revisions import Revisions  # noqa: PLC0415

    revisions, beside = Revisions(root), Revisions(root / "restoring")
    with revisions.write_lock():
        require_replaceable(revisions.current(), replace=replace)
        shutil.rmtree(root / "restoring", ignore_errors=True)  # What a killed one left.
        try:
            # The backup itself is not opened: the engine writes into what it opens.
            await asyncio.to_thread(Revisions(folder).copy_to, beside)

            class Edge:
                reader: StoreReader = EdgeReader(beside, None)

                async def switch(self) -> None:
                    await asyncio.to_thread(revisions.replace_by, beside)

            yield Edge()
        finally:
            shutil.rmtree(root / "restoring", ignore_errors=True)
