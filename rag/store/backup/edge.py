"""An embedded collection's revision: a folder, copied."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rag.store.backup.base import Copying, Restoring, require_replaceable
from rag.store.base import StoreReader
from rag.store.edge.revisions import Revisions
from rag.store.edge.store import EdgeReader
from rag.types import EmbedderIdentity


@asynccontextmanager
async def open_copying_edge(folder: Path, root: Path) -> AsyncIterator[Copying]:
    """Raises `NotFound` when it is to copy what is not there yet."""

    class Edge:
        stands_still = True
        reader: StoreReader = EdgeReader(Revisions(folder), None)

        async def copy(self) -> EmbedderIdentity:
            return await asyncio.to_thread(Revisions(root).copy_to, Revisions(folder))

    yield Edge()


@asynccontextmanager
async def open_restoring_edge(folder: Path, root: Path, *, replace: bool) -> AsyncIterator[Restoring]:
    """Reads the folder into a collection beside the one that serves; holds the writer's lock."""
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
