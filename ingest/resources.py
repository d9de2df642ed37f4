"""What lives as long as one run: opened in one place, closed in reverse."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from ingest.chunking import Chunker
from ingest.settings import Settings
from rag.embedding.base import Embedder
from rag.embedding.factory import build_tokenizer, open_embedder
from rag.http import open_session
from rag.store.base import StoreReader, VectorStore
from rag.store.factory import open_reader, open_writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What turns documents into points."""

    chunker: Chunker
    embedder: Embedder


@asynccontextmanager
async def open_models(settings: Settings) -> AsyncIterator[Models]:
    """Loads the embedder, where it is a local one."""
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
    ):
        yield Models(chunker=Chunker(build_tokenizer(settings.embedder)), embedder=embedder)


def open_store(settings: Settings, models: Models) -> AbstractAsyncContextManager[VectorStore]:
    """The store for writing; raises `Locked` while another process writes the embedded one."""
    return open_writer(settings.store, models.embedder.identity, root=settings.store_dir)


def open_store_to_read(settings: Settings, models: Models) -> AbstractAsyncContextManager[StoreReader]:
    """The store for a dry run: nothing is locked and nothing can be written."""
    return open_reader(settings.store, models.embedder.identity, root=settings.store_dir)
