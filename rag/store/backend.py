"""The port of a kind of store: everything that can be done with its collection."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rag.errors import InvalidInput, NotFound, Unavailable
from rag.store.base import Catalogue, PointReader, StoreReader, VectorStore
from rag.store.earlier import Payload
from rag.store.schema import SCHEMA, Condition, Origin
from rag.types import EmbedderIdentity, Vector


class AlreadyFilled(InvalidInput):
    """The embedder of a migration has filled the current collection already, in this version's schema."""


class Migration(Protocol):
    """The collection that readers use, and its successor, which has another embedder or a newer schema."""

    origin: Origin
    """The schema and the embedder of `current`."""
    current: PointReader
    """The collection that readers use. It may grow while the successor is filled."""
    successor: VectorStore
    """The collection to fill."""
    keeps_current: bool
    """False if `switch` removes `current`. Writers that still use it then fail, and their entries stay in the inbox."""

    def pause(self) -> AbstractAsyncContextManager[bool]:
        """Lock out writers, or yield False if the store cannot; raises `Locked` while another process writes."""

    async def require_unchanged(self) -> None:
        """Raise `Unavailable` if another process has switched the current collection meanwhile."""

    async def switch(self) -> None:
        """Show the successor to readers and make `current` the fallback; raises as `require_unchanged` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionBackup:
    """A published collection that can be copied into a folder."""

    reader: StoreReader
    """Searches. If it reads the copy, it is usable after `copy`."""
    reads_the_copy: bool
    """True if `reader` reads the copy, which does not change. Otherwise it reads the live collection."""
    copy: Callable[[], Awaitable["CollectionCopy"]]
    """Writes the files and describes them; raises `NotFound` without a collection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionCopy:
    """The contents of a copied collection: the live documents and chunks of all tenants."""

    embedder: EmbedderIdentity
    documents: int
    chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionRestore:
    """A restored collection that readers do not see yet."""

    reader: StoreReader
    """Reads the restored collection."""
    switch: Callable[[], Awaitable[None]]
    """Shows the restored collection to readers and keeps the previous one as the fallback."""


class StoredCopy(PointReader, Protocol):
    """One copy of the collection, with staged points."""

    def scan(self, conditions: Sequence[Condition], with_vector: bool) -> AsyncIterator[tuple[Payload, Vector | None]]:
        """Yield every point that meets all conditions, in the form in which it is stored."""

    async def count_by_shard(self) -> dict[int, int]:
        """Return the points of each shard that this node has, staged ones included. Empty without a server."""


class StoreBackend(Protocol):
    """One collection in one kind of store."""

    keeps_staged: bool
    """True if another writer may be about to commit the staged points that a reader sees."""

    def open_copies(self, nodes: Sequence[str]) -> AbstractAsyncContextManager[Mapping[str, StoredCopy]]:
        """Open every copy by its name; `nodes` are addresses of nodes, by default those of the configured host."""

    async def find_missing_copies(self) -> str:
        """Return which copy of a shard is missing or not active, or "" if none is."""

    def open_reader(self, embedder: EmbedderIdentity) -> AbstractAsyncContextManager[StoreReader]:
        """Open the collection for searches; raises `IndexMismatch` if another embedder filled it.

        It needs the right to read only. Without a collection, a server raises `CollectionMissing`, and the embedded
        store is empty.
        """

    def open_writer(self, embedder: EmbedderIdentity) -> AbstractAsyncContextManager[VectorStore]:
        """Open the collection for ingestion, after creating it if it is missing; raises `Locked` or `IndexMismatch`."""

    def open_catalogue(self) -> AbstractAsyncContextManager[Catalogue | None]:
        """Open the collection for listing, or yield None if there is no collection. Never creates one."""

    async def embedder(self) -> EmbedderIdentity | None:
        """Return the embedder that filled the collection, or None without a collection.

        Raises `IndexMismatch` if the collection has another schema.
        """

    async def origin(self) -> Origin | None:
        """Return the schema and embedder of the collection, or None without a collection.

        Raises `IndexMismatch` if another program or a newer version wrote the collection.
        """

    def open_earlier(self, schema: int) -> AbstractAsyncContextManager[PointReader]:
        """Open a collection of an earlier schema for counting and copying."""

    def open_migration(self, embedder: EmbedderIdentity) -> AbstractAsyncContextManager[Migration]:
        """Open a migration to this embedder and this version's schema; raises `NotFound` without a collection, or
        `AlreadyFilled`.

        The successor starts as the fallback if this embedder filled it in this schema, otherwise empty.
        """

    async def fallback_origin(self) -> Origin:
        """Return the schema and embedder of the collection before the last switch; raises `NotFound` without one."""

    async def roll_back(self) -> None:
        """Switch back to the collection before the last switch; raises `NotFound` without one."""

    def open_backup(self, folder: Path) -> AbstractAsyncContextManager[CollectionBackup]:
        """Open a backup into this folder; raises `NotFound` without a collection."""

    def open_restore(self, folder: Path, *, replace: bool) -> AbstractAsyncContextManager[CollectionRestore]:
        """Restore the folder beside the current collection. Without `switch`, the restored collection is removed.

        Raises `InvalidInput` if there is a collection and `replace` is False, `Locked` while another process writes.
        """


def require_another_origin(current: Origin | None, wanted: EmbedderIdentity) -> Origin:
    """Return the origin of the current collection; raises `NotFound` or `AlreadyFilled`."""
    if current is None:
        raise NotFound("There is no collection yet. Ingest documents first: `python -m ingest run`.")
    if current == Origin(schema=SCHEMA, embedder=wanted):
        raise AlreadyFilled(f"The collection was filled by {wanted.model} already. Name another model with --embedder.")
    return current


def require_same_collection(before: object, now: object) -> None:
    """Raise `Unavailable` if the current collection is not the one from the start of the migration."""
    if now != before:
        raise Unavailable(
            "Another process switched the collection during this migration, so nothing was switched. "
            "Check `python -m ingest status` and run it again if it is still needed."
        )


def require_replaceable(current: object, *, replace: bool) -> None:
    """Raise `InvalidInput` if a restore would replace the current collection without `replace`."""
    if current is not None and not replace:
        raise InvalidInput(
            "There is a collection already, and the restore would replace it. Restore to a new RAG_DATA_DIR or "
            "RAG_STORE__COLLECTION, or add --replace. `reindex --rollback` can undo a replacement."
        )
