"""Fetch, parse, embed, write: what happens to each document, and what became of it."""

import hashlib
from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from ingest.metrics import CHUNKS, DOCUMENTS, RETRIES, STAGES
from ingest.pipeline.batching import Batcher
from ingest.pipeline.locks import Locks
from ingest.sources.base import Unit, Unmodified
from rag.errors import InvalidInput, Unavailable
from rag.retries import retry
from rag.store.base import Catalogue, VectorStore
from rag.store.retrying import RetryingStore
from rag.tracing.spans import span
from rag.types import Chunk, ChunkFilter, DocumentId, Point, RawDocument, Scope, Vector

# Raise it whenever parsers or the chunker make something else of the same bytes: it makes every document a changed one.
_RECIPE: Final = 3
# Of a long document: written while the next are embedded, so that its vectors never stand in memory all at once.
_SLICE_CHUNKS: Final = 256
_FETCH_SECONDS: Final = 20.0

Known = Mapping[DocumentId, Chunk | None]
"""The first chunks of stored documents; None for one that is not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one document."""

    uri: str
    result: Literal["new", "changed", "unchanged", "removed", "rejected"]
    chunks: int = 0
    reason: str | None = None
    trace: str = ""
    """Where a rejection is the program's fault."""
    version: str = ""
    """Of a document that was fetched and then rejected."""

    @property
    def changes_collection(self) -> bool:
        return self.result in {"new", "changed", "removed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A document that is parsed and chunked and waits for its vectors."""

    outcome: Outcome
    chunks: Sequence[Chunk]


class Cutter(Protocol):
    """Parses and chunks, somewhere where that can be stopped."""

    @property
    def recipe(self) -> str:
        """What of the chunks depends on settings: another one makes every document a changed one."""
        ...

    async def cut(self, raw: RawDocument, *, version: str) -> list[Chunk]:
        """Raises `InvalidInput` with the reason where no text can be had."""
        ...


class Turn(Protocol):
    """Whose turn it is with a document, where several processes work on a queue."""

    @property
    def order(self) -> int | None:
        """Of two states of the document the later has the greater."""
        ...

    @property
    def confirm(self) -> Callable[[], Awaitable[None]]:
        """Raises `ClaimLost` where it is somebody else's turn by now."""
        ...


async def _granted() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Always:
    """Without a queue nobody else has a turn."""

    order: None = None
    confirm: Callable[[], Awaitable[None]] = _granted


_ALWAYS: Final = _Always()


class Pipeline:
    """Takes documents in, many side by side: while some are fetched and parsed, others are embedded and written."""

    def __init__(self, store: VectorStore, batcher: Batcher, cutter: Cutter) -> None:
        self._store = store
        self._batcher = batcher
        self._cutter = cutter
        self._locks = Locks()

    async def look_up(self, scope: Scope, document_ids: Sequence[DocumentId]) -> Known:
        """What is stored of these, of those that are not under way: many are looked up as fast as one."""
        settled = [document_id for document_id in document_ids if not self._locks.is_held((scope, document_id))]
        return await self._look_up(scope, settled)

    async def take_in(self, scope: Scope, unit: Unit, known: Known, turn: Turn = _ALWAYS) -> Outcome:
        """Visible when it is published. Raises `Unavailable` where the store or the embedder stays away."""
        # Two states of one document never pass each other, and the second does not trust what was looked up before.
        is_second = self._locks.is_held((scope, unit.id))
        async with self._locks.hold((scope, unit.id)):
            if is_second or unit.id not in known:
                known = await self._look_up(scope, [unit.id])
            return _counted(await self._take_in(scope, unit, known[unit.id], turn))

    async def remove(self, scope: Scope, document_id: DocumentId, uri: str, turn: Turn = _ALWAYS) -> Outcome:
        """Takes a document out; visible when it is published."""
        async with self._locks.hold((scope, document_id)):
            await self._retrying(turn).delete(scope, document_id, order=turn.order)
            return _counted(Outcome(uri=uri, result="removed"))

    async def _take_in(self, scope: Scope, unit: Unit, stored: Chunk | None, turn: Turn) -> Outcome:
        prepared = await prepare(unit, stored, self._cutter)
        if isinstance(prepared, Outcome):
            return prepared
        store = self._retrying(turn)
        known = await _known_vectors(store, scope, stored)
        for start in range(0, len(prepared.chunks), _SLICE_CHUNKS):
            await self._stage(store, scope, prepared.chunks[start : start + _SLICE_CHUNKS], known, turn.order or 0)
        with span("commit"):
            await store.commit(scope, unit.id, prepared.chunks[0].version, order=turn.order)
        return prepared.outcome

    def _retrying(self, turn: Turn) -> RetryingStore:
        return RetryingStore(self._store, RETRIES.labels("upsert"), confirm=turn.confirm)

    async def _look_up(self, scope: Scope, document_ids: Sequence[DocumentId]) -> Known:
        return await stored_documents(self._retrying(_ALWAYS), scope, document_ids)

    async def _stage(
        self, store: VectorStore, scope: Scope, chunks: Sequence[Chunk], known: dict[str, Vector], order: int
    ) -> None:
        missing = list({chunk.passage: None for chunk in chunks if chunk.passage not in known})
        vectors = ChainMap(dict(zip(missing, await self._batcher.embed(missing), strict=True)), known)
        points = [Point(chunk=chunk, vector=vectors[chunk.passage], order=order) for chunk in chunks]
        with STAGES.stage("upsert", span_name="upsert"):
            await store.stage(scope, points)
        CHUNKS.labels("embedded").inc(len(missing))
        CHUNKS.labels("kept").inc(len(chunks) - len(missing))


async def _known_vectors(store: VectorStore, scope: Scope, stored: Chunk | None) -> dict[str, Vector]:
    """Return the vectors of the stored version by passage: a passage that did not change is not embedded again."""
    if stored is None:
        return {}
    own = ChunkFilter(document_ids=(stored.document_id,))
    return {point.chunk.passage: point.vector async for point in store.scroll_points(scope, own)}


async def prepare(unit: Unit, stored: Chunk | None, cutter: Cutter) -> Outcome | Prepared:
    """Decides what a document needs, without writing anything; an `Outcome` where nothing is left to do."""
    version = ""
    try:
        with STAGES.stage("fetch", span_name="fetch"):
            raw = await fetch_if_changed(unit, stored, cutter.recipe)
        if raw is None:
            return Outcome(uri=unit.uri, result="unchanged")
        version = version_of(raw, cutter.recipe)
        with STAGES.stage("parse", span_name="parse"):
            chunks = await cutter.cut(raw, version=version)
    except (InvalidInput, Unavailable) as error:
        trace = getattr(error, "trace", "")
        return Outcome(uri=unit.uri, result="rejected", reason=str(error), trace=trace, version=version)
    return Prepared(
        outcome=Outcome(uri=unit.uri, result="changed" if stored else "new", chunks=len(chunks)), chunks=chunks
    )


async def fetch_if_changed(unit: Unit, stored: Chunk | None, recipe: str) -> RawDocument | None:
    """None where the stored version is that of the source; raises `InvalidInput` or `Unavailable`."""
    # What was made by another recipe is fetched, whatever its source says.
    validator = stored.validator if stored and stored.version.startswith(_recipe_of(recipe)) else ""
    raw = await retry(RETRIES.labels("fetch"), lambda: unit.fetch(validator), seconds=_FETCH_SECONDS)
    return None if isinstance(raw, Unmodified) or (stored and stored.version == version_of(raw, recipe)) else raw


def version_of(raw: RawDocument, recipe: str = "") -> str:
    """The recipe, what settings say of it included, and sha256 of everything else that its points are made from."""
    digest = hashlib.sha256(f"{raw.media_type}\n{raw.title}\n".encode())
    for key, value in sorted(raw.metadata.items()):
        digest.update(f"{key}={value}\n".encode())
    digest.update(raw.body)
    return f"{_recipe_of(recipe)}{digest.hexdigest()}"


async def stored_documents(store: Catalogue, scope: Scope, document_ids: Sequence[DocumentId]) -> Known:
    """The first chunk of each; without its version where a broken commit left two, so that the next one mends it."""
    found: dict[DocumentId, Chunk | None] = dict.fromkeys(document_ids)
    if document_ids:
        async for chunk in store.scroll(scope, ChunkFilter(document_ids=tuple(document_ids), ordinals=(0,))):
            is_second = found[chunk.document_id] is not None
            found[chunk.document_id] = replace(chunk, version="") if is_second else chunk
    return found


def _recipe_of(settings: str) -> str:
    return f"{_RECIPE}.{settings}-" if settings else f"{_RECIPE}-"


def _counted(outcome: Outcome) -> Outcome:
    DOCUMENTS.labels(outcome.result).inc()
    return outcome
