"""Models and store that a run or a worker opens while it works."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from ingest.conversion.factory import open_converter
from ingest.isolation.pool import open_parser_pool
from ingest.pipeline.batching import Batcher, open_batcher
from ingest.pipeline.conversion import ConvertingParser
from ingest.pipeline.preparation import ChunkingParser
from ingest.settings import Settings
from rag.embedding.base import Embedder
from rag.embedding.factory import open_embedder
from rag.http import open_session
from rag.store.base import StoreReader, VectorStore
from rag.store.factory import build_backend
from rag.types import EmbedderIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Everything that turns raw documents into points."""

    parsers: ChunkingParser
    embedder: Embedder
    batcher: Batcher


@asynccontextmanager
async def open_models(settings: Settings, *, known: EmbedderIdentity | None = None) -> AsyncIterator[Models]:
    """Open the embedder and the parser pool.

    `known` is the embedder that filled the collection. If it is the configured one, it is loaded at its first use.
    """
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir, known=known) as embedder,
        open_parser_pool(
            settings.parsing, settings.embedder, chunking=settings.chunking, language=settings.language
        ) as parsers,
        open_converter(settings.parser_service, settings.http) as converter,
        open_batcher(embedder) as batcher,
    ):
        parser = parsers if converter is None else ConvertingParser(parsers, converter)
        yield Models(parsers=parser, embedder=embedder, batcher=batcher)


def open_store(settings: Settings, models: Models) -> AbstractAsyncContextManager[VectorStore]:
    """Open the store for writing; raises `Locked` while another process writes the embedded one."""
    return build_backend(settings.store, root=settings.store_dir).open_writer(models.embedder.identity)


def open_store_to_read(settings: Settings, models: Models) -> AbstractAsyncContextManager[StoreReader]:
    """Open the store for a dry run, without a lock and without the methods that write."""
    return build_backend(settings.store, root=settings.store_dir).open_reader(models.embedder.identity)
