"""`python -m ingest promote`: carries the embedded collection to a Qdrant server, vectors included."""

from collections.abc import AsyncIterator

from ingest.pipeline.pipeline import stored_documents
from ingest.settings import Settings
from rag.errors import BadResponse, NotFound
from rag.settings import EdgeStoreSettings, ServerStoreSettings
from rag.store.base import StoreReader, VectorStore
from rag.store.edge.revisions import Revisions
from rag.store.factory import open_reader, open_writer
from rag.types import FIRST_CHUNKS, Chunk, ChunkFilter, Scope


async def promote(settings: Settings, target: ServerStoreSettings) -> tuple[int, int]:
    """Documents and chunks that the server has afterwards; what is there already, or newer, is not carried again.

    Raises `NotFound` without an embedded collection, `BadResponse` where something is missing at the end.
    """
    embedder = Revisions(settings.store_dir).embedder()
    if embedder is None:
        raise NotFound(f"There is no embedded collection in {settings.store_dir}.")
    async with (
        open_reader(EdgeStoreSettings(), embedder, root=settings.store_dir) as source,
        open_writer(target, embedder, root=settings.store_dir) as server,
    ):
        scopes = [Scope(tenant=tenant) for tenant in (await source.survey(since=0)).tenants]
        for scope in scopes:
            async for document in _missing(source, server, scope):
                await _carry(source, server, scope, document)
        missing = [document.document_id for scope in scopes async for document in _missing(source, server, scope)]
        found = await server.survey(since=0)
    if missing:
        raise BadResponse(f"The server lacks {len(missing)} documents, such as {missing[0]}. Run it again.")
    return found.documents, found.chunks


async def _missing(source: StoreReader, server: StoreReader, scope: Scope) -> AsyncIterator[Chunk]:
    async for document in source.scroll(scope, FIRST_CHUNKS):
        there = (await stored_documents(server, scope, [document.document_id]))[document.document_id]
        # What the server's own workers have taken in since the last time is newer, and stays.
        if there is None or (there.version != document.version and there.ingested_at <= document.ingested_at):
            yield document


async def _carry(source: StoreReader, server: VectorStore, scope: Scope, document: Chunk) -> None:
    own = ChunkFilter(document_ids=(document.document_id,))
    await server.stage(scope, [point async for point in source.scroll_points(scope, own)])
    await server.commit(scope, document.document_id, document.version)
