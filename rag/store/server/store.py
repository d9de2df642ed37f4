"""Writes a collection on a Qdrant server or cluster, over gRPC."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from qdrant_client import models

from rag.settings import ServerStoreSettings
from rag.store.schema import UPSERT_BATCH, require_same_embedder, to_payload
from rag.store.server.answers import translated_errors
from rag.store.server.collections import STAGED_AT, Collections
from rag.store.server.connection import open_client
from rag.store.server.conversion import to_struct
from rag.store.server.reader import LIVE, ServerReader
from rag.tasks import supervise
from rag.types import DocumentId, EmbedderIdentity, Point, Scope

# Longer than any document needs between its first staged point and its commit.
_STAGED_SECONDS = 24 * 3600.0
# More than one document with so many points is rare. The next look-up finds the others.
_PARTIAL_POINTS = 1000


class ServerStore(ServerReader):
    """Reads and writes a collection. Commits are visible at once, so `publish` has nothing to do."""

    async def stage(self, scope: Scope, points: Sequence[Point]) -> None:
        self._require_current()
        staged_at = {STAGED_AT: time.time()}
        structs = [to_struct(point.chunk, point.vector, to_payload(scope, point) | staged_at) for point in points]
        for start in range(0, len(structs), UPSERT_BATCH):
            with translated_errors():
                await self._client.upsert(
                    self.revision,
                    structs[start : start + UPSERT_BATCH],
                    wait=True,
                    update_mode=models.UpdateMode.INSERT_ONLY,
                )

    async def commit(self, scope: Scope, document_id: DocumentId, version: str, *, order: int | None = None) -> None:
        self._require_current()
        owner, later = _to_owner(scope, document_id), _to_later(order)
        own = models.FieldCondition(key="version", match=models.MatchValue(value=version))
        ours = models.Filter(must=[*owner, own], must_not=[*later])
        show = models.SetPayload(payload={"state": "live", "order": order or 0}, filter=ours)
        # Staged points stay, because another process may be about to commit them.
        remove = models.FilterSelector(filter=models.Filter(must=[*owner, LIVE], must_not=[own, *later]))
        # One request in this order: a search between the two operations finds both versions and keeps the newer one.
        with translated_errors():
            await self._client.batch_update_points(
                self.revision,
                [models.SetPayloadOperation(set_payload=show), models.DeleteOperation(delete=remove)],
                wait=True,
            )
        if not later:
            return
        newer = models.Filter(must=[*owner, *later, LIVE])
        with translated_errors():
            if (await self._client.count(self.revision, newer)).count:
                await self._client.delete(self.revision, models.FilterSelector(filter=ours), wait=True)

    async def delete(self, scope: Scope, document_id: DocumentId, *, order: int | None = None) -> None:
        self._require_current()
        wanted = models.Filter(must=[*_to_owner(scope, document_id)], must_not=[*_to_later(order)])
        with translated_errors():
            await self._client.delete(self.revision, models.FilterSelector(filter=wanted), wait=True)

    async def find_partial(self, scope: Scope, versions: Mapping[DocumentId, str]) -> set[DocumentId]:
        """Return documents with another live version, or with staged points of the live one.

        A commit that fails on a cluster may have been applied to some shards, and the first passage is in one of them.
        """
        suspects = [_to_partial(scope, document_id, version) for document_id, version in versions.items()]
        if not suspects:
            return set()
        with translated_errors():
            found, _ = await self._client.scroll(
                self.revision,
                scroll_filter=models.Filter(should=[*suspects]),
                limit=_PARTIAL_POINTS,
                with_payload=["document_id"],
            )
        return {DocumentId((record.payload or {})["document_id"]) for record in found}

    async def publish(self) -> None:
        """Do nothing: every write has waited for the confirmation of the server."""

    async def delete_abandoned(self) -> None:
        """Delete old staged points of killed writers. Recent ones may belong to running writers."""
        staged = models.FieldCondition(key="state", match=models.MatchValue(value="staged"))
        old = models.FieldCondition(key=STAGED_AT, range=models.Range(lt=time.time() - _STAGED_SECONDS))
        with translated_errors():
            await self._client.delete(
                self.revision, models.FilterSelector(filter=models.Filter(must=[staged, old])), wait=True
            )

    def _require_current(self) -> None:
        """Raise if readers have moved to another collection, where this write would be missing."""
        if self._refusal:
            raise self._refusal


@asynccontextmanager
async def open_server_store(settings: ServerStoreSettings, embedder: EmbedderIdentity) -> AsyncIterator[ServerStore]:
    """Open the collection, after creating it if it is missing; raises `IndexMismatch` if another embedder filled it."""
    async with open_client(settings) as client:
        collections = Collections(client, settings.collection, nodes=settings.nodes)
        store = ServerStore(client, await collections.open(embedder))
        async with _following(store, collections, embedder):
            yield store


@asynccontextmanager
async def open_server_reader(settings: ServerStoreSettings, embedder: EmbedderIdentity) -> AsyncIterator[ServerReader]:
    """Open the collection, which needs the right to read only; raises `CollectionMissing` or `IndexMismatch`."""
    async with open_client(settings) as client:
        collections = Collections(client, settings.collection)
        reader = ServerReader(client, await collections.require_current())
        async with _following(reader, collections, embedder):
            yield reader


@asynccontextmanager
async def _following(reader: ServerReader, collections: Collections, embedder: EmbedderIdentity) -> AsyncIterator[None]:
    require_same_embedder(await collections.embedder_of(reader.revision), embedder)
    async with supervise("alias_watch", reader.follow(collections, embedder), essential=False):
        yield


def _to_partial(scope: Scope, document_id: DocumentId, version: str) -> models.Filter:
    own = models.FieldCondition(key="version", match=models.MatchValue(value=version))
    owner = _to_owner(scope, document_id)
    return models.Filter(
        should=[models.Filter(must=[*owner, LIVE], must_not=[own]), models.Filter(must=[*owner, own], must_not=[LIVE])]
    )


def _to_owner(scope: Scope, document_id: DocumentId) -> list[models.FieldCondition]:
    return [
        models.FieldCondition(key="tenant", match=models.MatchValue(value=scope.tenant)),
        models.FieldCondition(key="document_id", match=models.MatchValue(value=document_id)),
    ]


def _to_later(order: int | None) -> list[models.FieldCondition]:
    return [] if order is None else [models.FieldCondition(key="order", range=models.Range(gt=order))]
