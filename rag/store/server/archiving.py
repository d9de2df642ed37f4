"""Copies a collection of a server to an archive of points, and fills a collection from one."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

from qdrant_client import AsyncQdrantClient

from rag.errors import Unavailable
from rag.store.archive import ArchiveReader, ArchiveWriter, Payload, VersionKey, key_of
from rag.store.backend import CollectionCopy
from rag.store.schema import AnyOf, Condition, to_chunk, to_metadata
from rag.store.server.consensus import until_done
from rag.store.server.conversion import to_struct
from rag.store.server.reader import ServerReader
from rag.tasks import open_task_group
from rag.types import EmbedderIdentity, Vector

_LIVE = AnyOf("state", ["live"])
_FIRST = AnyOf("ordinal", [0])
_KEY_FIELDS = ("tenant", "document_id", "version")
# Reading one document takes milliseconds, so only one that is replaced without pause needs more than two.
_ATTEMPTS = 100
# One write waits for the server while the next ones are encoded.
_CONCURRENT_WRITES = 4

_Document = tuple[str, str]


async def copy_to_archive(reader: ServerReader, embedder: EmbedderIdentity, folder: Path) -> CollectionCopy:
    """Copy every live document while writers go on: each is whole, in a version that was live during the copy."""
    writer = ArchiveWriter(folder)
    points: dict[VersionKey, int] = {}

    def add(payload: Payload, vector: Vector) -> None:
        writer.add(payload, vector)
        points[key_of(payload)] = points.get(key_of(payload), 0) + 1

    listed = await _list_versions(reader)
    async for payload, vector in _scan_points(reader, [_LIVE]):
        # Versions that were committed since the list may be incomplete. They are read below.
        if listed.get((payload["tenant"], payload["document_id"])) == payload["version"]:
            add(payload, vector)
    # A version that is live before and after the scan was live during it, so all of its points were read.
    now = await _list_versions(reader)
    kept = {key for key, version in now.items() if listed.get(key) == version}
    copied = {VersionKey(*key, now[key]) for key in kept}
    for tenant, document_id in now.keys() - kept:
        for payload, vector in await _read_document(reader, tenant, document_id):
            add(payload, vector)
            copied.add(key_of(payload))
    writer.finish(to_metadata(embedder), points.keys() - copied)
    return CollectionCopy(embedder=embedder, documents=len(copied), chunks=sum(points[key] for key in copied))


async def fill_from_archive(client: AsyncQdrantClient, collection: str, archive: ArchiveReader) -> None:
    """Write every point of the archive into an empty collection that no reader has opened yet."""
    batches = archive.batches()

    async def write() -> None:
        # All writers take from the same iterator, so each batch is written once.
        for batch in batches:
            points = [to_struct(to_chunk(payload), vector, payload) for payload, vector in batch]
            # Repeated for three minutes, because a node that restarts must not end a restore of an hour.
            await until_done(partial(client.upsert, collection, points, wait=True))

    async with open_task_group() as group:
        for _ in range(_CONCURRENT_WRITES):
            group.create_task(write())


async def _list_versions(reader: ServerReader) -> dict[_Document, str]:
    payloads = reader.scan_fields([_LIVE, _FIRST], _KEY_FIELDS)
    return {(it["tenant"], it["document_id"]): it["version"] async for it in payloads}


async def _read_document(reader: ServerReader, tenant: str, document_id: str) -> list[tuple[Payload, Vector]]:
    """Return the points of the live version, or none if the document was removed meanwhile.

    A commit shows the points of a version one shard at a time, so a read counts only if the next one agrees.
    """
    conditions = [_LIVE, AnyOf("tenant", [tenant]), AnyOf("document_id", [document_id])]
    before: Counter[VersionKey] | None = None
    for _ in range(_ATTEMPTS):
        points = [point async for point in _scan_points(reader, conditions)]
        now = Counter(key_of(payload) for payload, _ in points)
        if now == before and len(now) <= 1:
            return points
        before = now
    raise Unavailable(
        f"The document {document_id} of tenant {tenant} was replaced during each of {_ATTEMPTS} attempts to copy it. "
        "Stop the worker that ingests it, and run `backup` again."
    )


async def _scan_points(reader: ServerReader, conditions: Sequence[Condition]) -> AsyncIterator[tuple[Payload, Vector]]:
    async for payload, vector in reader.scan(conditions, with_vector=True):
        if vector is not None:
            yield payload, vector
