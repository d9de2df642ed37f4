"""Which collection of a Qdrant server is the current one: an alias points to it, and moves in one step.

<name>           alias of the collection that readers should see
<name>-<n>       collections; the metadata of each says who filled it
<name>-fallback  alias of the one from before the last change of embedder, kept for going back
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from rag.errors import BadResponse, IndexMismatch, NotFound, TimedOut, Unavailable
from rag.store.schema import (
    DENSE,
    FLOAT_FIELDS,
    INTEGER_FIELDS,
    KEYWORD_FIELDS,
    PREFIX_FIELDS,
    SPARSE,
    to_identity,
    to_metadata,
)
from rag.types import EmbedderIdentity

# Cancelled is what a call gets that is under way when the server stops; our own cancellations are no gRPC errors.
_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED}


class Collections:
    """The collections behind one alias."""

    def __init__(self, client: AsyncQdrantClient, name: str) -> None:
        self._client = client
        self._name = name

    async def current(self) -> str | None:
        """The collection that the alias points to; None before the first."""
        return (await self._aliases()).get(self._name)

    async def fallback(self) -> str | None:
        """The collection from before the last change of embedder, where there is one."""
        return (await self._aliases()).get(self._fallback)

    async def embedder_of(self, collection: str) -> EmbedderIdentity:
        """Who filled it; raises `IndexMismatch` for a collection of another program or generation."""
        with translated_errors():
            found = await self._client.get_collection(collection)
        return to_identity(found.config.metadata or {})

    async def open(self, embedder: EmbedderIdentity) -> str:
        """The current collection, made and pointed to where there is none yet."""
        current = await self.current()
        if current is None:
            current = f"{self._name}-1"
            # Another process may be doing the same: whoever comes second finds what it wanted.
            await self.create(current, embedder)
            await self._move({self._name: current})
        return current

    async def successor(self, embedder: EmbedderIdentity) -> str:
        """The fallback, or what a killed run had begun, where this embedder filled it; else a name that none has."""
        for name in [await self.fallback(), *reversed(await self._leftovers())]:
            if name and await self._filler_of(name) == embedder:
                return name
        return await self.unused()

    async def unused(self) -> str:
        """A name that no collection has yet."""
        return f"{self._name}-{max(await self._numbers(), default=0) + 1}"

    async def drop_leftovers(self) -> None:
        """What other runs began, killed or not, and what was the fallback before the one of now."""
        for name in await self._leftovers():
            await self.drop(name)

    async def create(self, collection: str, embedder: EmbedderIdentity) -> None:
        """Makes an empty collection; one that is there already keeps its points."""
        with translated_errors():
            if not await self._client.collection_exists(collection):
                await self._create(collection, embedder)
            # Also where it is there: whoever made it may have been killed before this.
            for field, schema in _indexes().items():
                await self._client.create_payload_index(collection, field, schema)

    async def clear(self) -> None:
        """Drops the current collection and its alias."""
        current = await self.current()
        if current is not None:
            await self.drop(current)

    async def drop(self, collection: str) -> None:
        with translated_errors():
            await self._client.delete_collection(collection)

    async def switch_to(self, collection: str) -> None:
        """Moves the alias, and keeps what was current for `roll_back`."""
        before = await self.current()
        targets = {self._name: collection}
        if before and before != collection:
            targets[self._fallback] = before
        await self._move(targets)

    async def fallback_embedder(self) -> EmbedderIdentity:
        """Who filled the fallback; raises `NotFound` without one."""
        return await self.embedder_of(await self._require_fallback())

    async def roll_back(self) -> None:
        """Switches to the fallback, and makes what was current the fallback; raises `NotFound` without one."""
        await self.switch_to(await self._require_fallback())

    async def _create(self, collection: str, embedder: EmbedderIdentity) -> None:
        try:
            with translated_errors():
                await self._client.create_collection(
                    collection,
                    vectors_config={
                        DENSE: models.VectorParams(size=embedder.dimension, distance=models.Distance.COSINE)
                    },
                    sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                    metadata=to_metadata(embedder),
                )
        except BadResponse:
            # Another process that started in the same moment may have been first.
            if not await self._client.collection_exists(collection):
                raise

    async def _require_fallback(self) -> str:
        fallback = await self.fallback()
        if fallback is None:
            raise NotFound("There is no collection from before a switch to go back to.")
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
        """Ours, and neither what readers see nor what is kept for going back."""
        kept = {await self.current(), await self.fallback()}
        names = [f"{self._name}-{number}" for number in await self._numbers()]
        return [name for name in names if name not in kept and await self._filler_of(name)]

    async def _filler_of(self, collection: str) -> EmbedderIdentity | None:
        """None where it is not ours."""
        try:
            return await self.embedder_of(collection)
        except IndexMismatch:
            return None

    async def _aliases(self) -> dict[str, str]:
        with translated_errors():
            response = await self._client.get_aliases()
        return {alias.alias_name: alias.collection_name for alias in response.aliases}

    async def _move(self, targets: dict[str, str]) -> None:
        """All of them in one step."""
        known = await self._aliases()
        deletions = [
            models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
            for alias in targets
            if alias in known
        ]
        creations = [
            models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=collection, alias_name=alias))
            for alias, collection in targets.items()
        ]
        with translated_errors():
            await self._client.update_collection_aliases([*deletions, *creations])


def _indexes() -> dict[str, Any]:
    # Points of one tenant are stored together, because every search names one.
    keywords: dict[str, Any] = {
        field: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=field == "tenant")
        for field in KEYWORD_FIELDS
    }
    prefixes = dict.fromkeys(
        PREFIX_FIELDS, models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, prefix=True)
    )
    integers = dict.fromkeys(INTEGER_FIELDS, models.PayloadSchemaType.INTEGER)
    floats = dict.fromkeys(FLOAT_FIELDS, models.PayloadSchemaType.FLOAT)
    return keywords | prefixes | integers | floats


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turns qdrant-client's errors into ours."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
            raise TimedOut("Qdrant took longer than its time.") from error
        if error.code() in _PASSING:
            raise Unavailable(f"Qdrant cannot be reached: {error.details()}") from error
        raise BadResponse(f"Qdrant refused the call: {error.details()}") from error
    except UnexpectedResponse as error:
        raise BadResponse(f"Qdrant answered {error.status_code}: {error.reason_phrase}") from error
    except (ResponseHandlingException, ApiException) as error:
        raise Unavailable(f"Qdrant cannot be reached: {error}") from error
