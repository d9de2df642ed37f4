"""What lives as long as one run: opened in one place, closed in reverse."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from ingest.isolation.cutters import Cutters, open_cutters
from ingest.pipeline.batching import Batcher, open_batcher
from ingest.settings import Settings
from rag.embedding.base import Embedder
from rag.embedding.factory import open_embedder
from rag.http import open_session
from rag.store.base import StoreReader, VectorStore
from rag.store.factory import open_reader, open_writer
from rag.types import EmbedderIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What turns documents into points."""

    cutters: Cutters
    embedder: Embedder
    batcher: Batcher


@asynccontextmanager
async def open_models(settings: Settings, *, known: EmbedderIdentity | None = None) -> AsyncIterator[Models]:
    """Loads the embedder, where it is a local one; one that has filled the collection already, when it is needed."""
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir, known=known) as embedder,
        open_cutters(settings.parsing, settings.embedder, chunking=settings.chunking) as cutters,
        open_batcher(embedder) as batcher,
    ):
        yield Models(cutters=cutters, embedder=embedder, batcher=batcher)


def open_store(settings: Settings, models: Models) -> AbstractAsyncContextManager[VectorStore]:
    """The store for writing; raises `Locked` while another process writes the embedded one."""
    return open_writer(settings.store, models.embedder.identity, root=settings.store_dir)


def open_store_to_read(settings: Settings, models: Models) -> AbstractAsyncContextManager[StoreReader]:
    """The store for a dry run: nothing is locked and nothing can be written."""
    return open_reader(settings.store, models.embedder.identity, root=settings.store_dir)
