"""Copies the embedded collection to a Qdrant server, vectors included."""

from collections.abc import AsyncIterator

from ingest.metrics import RETRIES
from ingest.pipeline.preparation import stored_documents
from ingest.settings import Settings
from rag.errors import BadResponse, NotFound
from rag.settings import EdgeStoreSettings, ServerStoreSettings
from rag.store.base import StoreReader, VectorStore
from rag.store.edge.revisions import Revisions
from rag.store.factory import build_backend
from rag.store.retrying import RetryingStore
from rag.types import FIRST_CHUNKS, Chunk, ChunkFilter, Scope


async def promote(settings: Settings, target: ServerStoreSettings) -> tuple[int, int]:
    """Copy the documents that the server lacks; return how many documents and chunks it then has.

    Raises `NotFound` if there is no embedded collection, and `BadResponse` if documents are missing at the end.
    """
    embedder = Revisions(settings.store_dir).embedder()
    if embedder is None:
        raise NotFound(f"There is no embedded collection in {settings.store_dir}. Check RAG_DATA_DIR.")
    async with (
        build_backend(EdgeStoreSettings(), root=settings.store_dir).open_reader(embedder) as source,
        build_backend(target, root=settings.store_dir).open_writer(embedder) as opened,
    ):
        # A lost node must not end a copy of hours.
        server = RetryingStore(opened, RETRIES.labels("upsert"))
        scopes = [Scope(tenant=tenant) for tenant in (await source.survey(since=0)).tenants]
        for scope in scopes:
            async for document in _missing(source, server, scope):
                await _copy(source, server, scope, document)
        missing = [document.document_id for scope in scopes async for document in _missing(source, server, scope)]
        survey = await server.survey(since=0)
    if missing:
        raise BadResponse(
            f"The server still lacks {len(missing)} documents, such as {missing[0]}. Run `promote` again."
        )
    return survey.documents, survey.chunks


async def _missing(source: StoreReader, server: StoreReader, scope: Scope) -> AsyncIterator[Chunk]:
    """Yield the first chunk of each document that the server lacks or has in an older version."""
    async for document in source.scroll(scope, FIRST_CHUNKS):
        copied = (await stored_documents(server, scope, [document.document_id]))[document.document_id]
        # A version that the server's own workers have ingested since the last promotion is newer and must stay.
        if copied is None or (copied.version != document.version and copied.ingested_at <= document.ingested_at):
            yield document


async def _copy(source: StoreReader, server: VectorStore, scope: Scope, document: Chunk) -> None:
    where = ChunkFilter(document_ids=(document.document_id,))
    await server.stage(scope, [point async for point in source.scroll_points(scope, where)])
    await server.commit(scope, document.document_id, document.version)
