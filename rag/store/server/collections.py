"""The collections of a Qdrant server, and the aliases that select one of them in one step.

<name>           alias of the current collection
<name>-<n>       collections, each with its embedder in its metadata
<name>-fallback  alias of the collection before the last change of the embedder or of the schema

A collection of schema 1 has the name itself, without an alias.
"""

import re
from functools import partial
from typing import Any

import structlog
from qdrant_client import AsyncQdrantClient, models

from rag.errors import CollectionMissing, IndexMismatch, NotFound
from rag.store import schema
from rag.store.server.answers import translated_errors
from rag.store.server.consensus import CALL_SECONDS, require_nodes, until_done
from rag.store.server.copies import wait_for_copies
from rag.types import EmbedderIdentity

log = structlog.get_logger()

STAGED_AT = "staged_at"
"""The time of staging, which only points on a server have: the embedded store has one writer."""


class Collections:
    """The collections behind one alias."""

    def __init__(self, client: AsyncQdrantClient, name: str, *, nodes: int = 1) -> None:
        """`nodes` must have joined the cluster before a collection is created."""
        self._client = client
        self._name = name
        self._nodes = nodes

    async def current(self) -> str | None:
        """Return the collection that the alias points to, or None."""
        if collection := (await self._aliases()).get(self._name):
            return collection
        return self._name if await self._exists(self._name) else None

    async def require_current(self) -> str:
        """Return the current collection; raises `CollectionMissing` without one."""
        if current := await self.current():
            return current
        raise CollectionMissing(
            f"There is no collection {self._name} on the Qdrant server. Check RAG_STORE__COLLECTION. If it had "
            "documents, restore a backup; otherwise start a worker, which creates an empty one."
        )

    def is_without_alias(self, collection: str) -> bool:
        """Return whether the collection has the name of the alias, as in schema 1."""
        return collection == self._name

    async def fallback(self) -> str | None:
        """Return the collection before the last change of the embedder or of the schema, or None."""
        return (await self._aliases()).get(self._fallback)

    async def embedder_of(self, collection: str) -> EmbedderIdentity:
        """Return the embedder of a collection; raises `IndexMismatch` for a collection of another program or schema."""
        return schema.to_identity(await self._metadata_of(collection))

    async def origin_of(self, collection: str) -> schema.Origin:
        """Return schema and embedder; raises `IndexMismatch` for a collection of another program or a newer schema."""
        return schema.to_origin(await self._metadata_of(collection))

    async def open(self, embedder: EmbedderIdentity) -> str:
        """Return the current collection, after creating it if it does not exist."""
        current = await self.current()
        if current is None:
            current = f"{self._name}-1"
            # Another process may do the same at this moment. Both create the same collection, which succeeds.
            await self.create(current, embedder)
            await self._move({self._name: current})
        else:
            await self._complete_indexes(current)
        return current

    async def successor(self, embedder: EmbedderIdentity) -> str:
        """Return the fallback or a killed migration's collection if this embedder filled it, or an unused name."""
        wanted = schema.Origin(schema=schema.SCHEMA, embedder=embedder)
        for name in [await self.fallback(), *reversed(await self._leftovers())]:
            if name and await self._origin_or_none(name) == wanted:
                return name
        return await self.unused()

    async def unused(self) -> str:
        return f"{self._name}-{max(await self._numbers(), default=0) + 1}"

    async def drop_leftovers(self) -> None:
        """Delete all collections of this name except the current one and the fallback."""
        for name in await self._leftovers():
            await self.drop(name)

    async def create(self, collection: str, embedder: EmbedderIdentity) -> None:
        """Create an empty collection, and wait until every copy of it can be written. An existing one keeps its points.

        Raises `Unavailable` if fewer than the expected nodes have joined the cluster, or copies are missing.
        """
        if not await self._exists(collection):
            if self._nodes > 1:
                await require_nodes(self._client, self._nodes)
            await until_done(lambda: self._create(collection, embedder), lambda: self._exists(collection))
        await self._complete_indexes(collection)
        if self._nodes > 1:
            await wait_for_copies(self._client, collection, nodes=self._nodes)
            await self._warn_of_one_copy(collection)

    async def _warn_of_one_copy(self, collection: str) -> None:
        with translated_errors():
            params = (await self._client.get_collection(collection)).config.params
        if (params.replication_factor or 1) == 1:
            log.warning(
                "collection_has_one_copy",
                collection=collection,
                advice="The loss of a node loses data. Set storage.collection.replication_factor of the Qdrant nodes, "
                "then copy the collection with `backup` and `restore --replace`.",
            )

    async def _complete_indexes(self, collection: str) -> None:
        """Create the payload indexes that are missing, because an earlier version made none or a creator was killed."""
        with translated_errors():
            present = (await self._client.get_collection(collection)).payload_schema
        for field, kind in _indexes().items():
            if field not in present:
                create = partial(self._client.create_payload_index, collection, field, kind, timeout=CALL_SECONDS)
                await until_done(create)

    async def drop(self, collection: str) -> None:
        async def is_gone() -> bool:
            return not await self._exists(collection)

        await until_done(partial(self._client.delete_collection, collection, timeout=CALL_SECONDS), is_gone)

    async def switch_to(self, collection: str) -> None:
        """Move the alias, and make the previous collection the fallback."""
        before = await self.current()
        targets = {self._name: collection}
        if before and self.is_without_alias(before):
            # An alias cannot have the name of a collection. Searches fail until the alias exists, a moment later.
            await self.drop(before)
        elif before and before != collection:
            targets[self._fallback] = before
        await self._move(targets)

    async def fallback_origin(self) -> schema.Origin:
        """Return schema and embedder of the fallback; raises `NotFound` without one."""
        return await self.origin_of(await self._require_fallback())

    async def roll_back(self) -> None:
        await self.switch_to(await self._require_fallback())

    async def _exists(self, collection: str) -> bool:
        with translated_errors():
            return await self._client.collection_exists(collection)

    async def _create(self, collection: str, embedder: EmbedderIdentity) -> None:
        await self._client.create_collection(
            collection,
            vectors_config={
                schema.DENSE: models.VectorParams(size=embedder.dimension, distance=models.Distance.COSINE)
            },
            sparse_vectors_config={schema.SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
            metadata=schema.to_metadata(embedder),
            timeout=CALL_SECONDS,
        )

    async def _require_fallback(self) -> str:
        fallback = await self.fallback()
        if fallback is None:
            raise NotFound("There is no collection from before a switch, so nothing can be rolled back.")
        return fallback

    @property
    def _fallback(self) -> str:
        return f"{self._name}-fallback"

    async def _numbers(self) -> list[int]:
        with translated_errors():
            described = (await self._client.get_collections()).collections
        numbered = re.compile(rf"{re.escape(self._name)}-(\d+)")
        return sorted(int(found[1]) for it in described if (found := numbered.fullmatch(it.name)))

    async def _leftovers(self) -> list[str]:
        """Return the collections of this program that are neither current nor the fallback."""
        in_use = {await self.current(), await self.fallback()}
        names = [f"{self._name}-{number}" for number in await self._numbers()]
        return [name for name in names if name not in in_use and await self._origin_or_none(name)]

    async def _origin_or_none(self, collection: str) -> schema.Origin | None:
        """Return the origin, or None for a collection of another program or a newer schema."""
        try:
            return await self.origin_of(collection)
        except IndexMismatch:
            return None

    async def _metadata_of(self, collection: str) -> dict[str, Any]:
        with translated_errors():
            description = await self._client.get_collection(collection)
        return description.config.metadata or {}

    async def _aliases(self) -> dict[str, str]:
        with translated_errors():
            response = await self._client.get_aliases()
        return {alias.alias_name: alias.collection_name for alias in response.aliases}

    async def _move(self, targets: dict[str, str]) -> None:
        """Point all aliases to their targets in one step."""

        async def move() -> None:
            known = await self._aliases()
            deletions = [
                models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
                for alias in targets
                if alias in known
            ]
            creations = [
                models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=name, alias_name=alias))
                for alias, name in targets.items()
            ]
            await self._client.update_collection_aliases([*deletions, *creations], timeout=CALL_SECONDS)

        async def is_moved() -> bool:
            return targets.items() <= (await self._aliases()).items()

        await until_done(move, is_moved)


def _indexes() -> dict[str, Any]:
    # `is_tenant` stores the points of a tenant together, because every search names one tenant.
    keywords: dict[str, Any] = {
        field: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=field == "tenant")
        for field in schema.KEYWORD_FIELDS
    }
    prefixes = dict.fromkeys(
        schema.PREFIX_FIELDS, models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, prefix=True)
    )
    integers = dict.fromkeys(schema.INTEGER_FIELDS, models.PayloadSchemaType.INTEGER)
    floats = dict.fromkeys((*schema.FLOAT_FIELDS, STAGED_AT), models.PayloadSchemaType.FLOAT)
    return keywords | prefixes | integers | floats
