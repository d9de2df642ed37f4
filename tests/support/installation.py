"""A store and an inbox without models: the real adapters, filled by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rag.inbox.folder.inbox import FolderInbox, open_folder_inbox
from rag.inbox.folder.worklist import FolderWorklist, open_folder_worklist
from rag.store.edge.store import EdgeWriter, open_edge_writer
from rag.types import DocumentId, Scope
from tests.support.contracts.inbox import OURS, upload
from tests.support.contracts.store import EMBEDDER, point, put


@dataclass(frozen=True)
class Installation:
    """The store, and both sides of the inbox."""

    store: EdgeWriter
    inbox: FolderInbox
    worklist: FolderWorklist
    scope: Scope

    async def add(self, name: str, **changes: object) -> None:
        """Put a ready document into the store."""
        await put(self.store, self.scope, [point(f"text of {name}", document=name, **changes)])

    async def reject(self, name: str) -> None:
        await self.inbox.put(upload(name, scope=self.scope))
        entry = await self.worklist.claim()
        assert entry is not None
        await self.worklist.dead_letter(entry, reason="It is empty.")

    async def finish(self, name: str) -> None:
        """Ingest the next entry, which is of this document."""
        entry = await self.worklist.claim()
        assert entry is not None
        assert entry.job.document_id == DocumentId(name)
        await self.add(name)
        await self.worklist.acknowledge(entry)


@asynccontextmanager
async def open_installation(folder: Path, scope: Scope = OURS) -> AsyncIterator[Installation]:
    async with (
        open_edge_writer(folder / "store", EMBEDDER) as store,
        open_folder_inbox(folder / "inbox") as inbox,
        open_folder_worklist(folder / "inbox") as worklist,
    ):
        yield Installation(store, inbox, worklist, scope)
