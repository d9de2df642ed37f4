"""What lives as long as one run: opened in one place, closed in reverse."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ingest.chunking import Chunker
from ingest.settings import Settings
from rag.embedding.base import Embedder
from rag.embedding.factory import build_tokenizer, open_embedder
from rag.http import open_session
from rag.store.base import StoreReader, VectorStore
from rag.store.factory import open_reader, open_writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What taking documents in needs; the lock on the store is held for as long as this lives."""

    chunker: Chunker
    embedder: Embedder
    store: VectorStore


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Raises `Locked` while another process writes."""
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
        open_writer(settings.store, embedder.identity, root=settings.store_dir) as store,
    ):
        yield Resources(chunker=Chunker(build_tokenizer(settings.embedder)), embedder=embedder, store=store)


@asynccontextmanager
async def open_planning(settings: Settings) -> AsyncIterator[tuple[StoreReader, Chunker]]:
    """The part that a dry run needs: nothing is locked and nothing can be written."""
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
        open_reader(settings.store, embedder.identity, root=settings.store_dir) as store,
    ):
        yield store, Chunker(build_tokenizer(settings.embedder))
