"""Temporary collections of data sets, filled by the product's own ingestion."""

import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from evals.datasets import CorpusDocument
from ingest.pipeline.pipeline import Pipeline
from ingest.pipeline.preparation import ChunkingParser, IngestResult
from ingest.pipeline.publishing import publish_now
from ingest.pipeline.source_pass import SourcePass
from ingest.resources import open_models, open_store
from ingest.settings import Settings as IngestSettings
from ingest.sources.base import Unit
from rag.embedding.base import Embedder
from rag.embedding.factory import open_embedder
from rag.http import open_session
from rag.settings import EdgeStoreSettings, KernelSettings, ServerStoreSettings
from rag.store.server.collections import Collections
from rag.store.server.connection import open_client
from rag.types import Chunk, DocumentId, RawDocument, Scope
from service.resources import Resources, open_resources
from service.settings import Settings

SCOPE = Scope(tenant="evaluation")


@asynccontextmanager
async def open_resources_over(documents: Sequence[CorpusDocument], settings: Settings) -> AsyncIterator[Resources]:
    """Ingest the documents into a temporary collection and open the service's resources over it."""
    async with open_collection(documents, settings) as apart, open_resources(apart) as resources:
        yield resources


@asynccontextmanager
async def open_collection(
    documents: Sequence[CorpusDocument], settings: Settings, *, whole: bool = False
) -> AsyncIterator[Settings]:
    """Ingest the documents into a temporary collection and yield the settings that select it.

    With `whole`, each document is one passage: the embedder reads its beginning and BM25 all of it. Published
    retrieval results are measured this way.
    """
    async with _open_scratch(settings) as apart:
        await _ingest(documents, IngestSettings().model_copy(update=apart), WholeDocumentParser() if whole else None)
        yield settings.model_copy(update=apart)


@asynccontextmanager
async def open_configured_embedder(settings: KernelSettings) -> AsyncIterator[Embedder]:
    """Open the embedder of the settings, with connections of its own."""
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
    ):
        yield embedder


@asynccontextmanager
async def _open_scratch(settings: Settings) -> AsyncIterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "models").symlink_to(settings.models_dir.absolute())
        match settings.store:
            case EdgeStoreSettings():
                yield {"data_dir": Path(scratch)}
            case ServerStoreSettings():
                name = f"evaluation-{uuid4().hex}"
                try:
                    yield {"data_dir": Path(scratch), "store": settings.store.model_copy(update={"collection": name})}
                finally:
                    async with open_client(settings.store) as client:
                        collections = Collections(client, name)
                        if current := await collections.current():
                            await collections.drop(current)


class WholeDocumentParser:
    """A parser and chunker that makes one passage of each document, however long it is."""

    recipe = "whole"
    converts = False

    async def parse(self, raw: RawDocument, *, version: str) -> list[Chunk]:
        return [
            Chunk(
                id=str(uuid5(NAMESPACE_URL, raw.id)),
                document_id=raw.id,
                uri=raw.uri,
                media_type=raw.media_type,
                title=raw.title,
                heading_path=(raw.title,) if raw.title else (),
                text=raw.body.decode(),
                language="en",
                ordinal=0,
                version=version,
                ingested_at=0.0,
                chunk_count=1,
            )
        ]


async def _ingest(documents: Sequence[CorpusDocument], settings: IngestSettings, parser: ChunkingParser | None) -> None:
    async with open_models(settings) as models, open_store(settings, models) as store:
        pipeline = Pipeline(store, models.batcher, parser or models.parsers)
        units = _to_units(documents, whole=parser is not None)
        await SourcePass(pipeline, SCOPE, _print_rejection, remember=False).ingest(units)
        await publish_now(store)


def _print_rejection(result: IngestResult) -> None:
    if result.status == "rejected":
        print(f"rejected {result.uri}: {result.reason}", file=sys.stderr)


async def _to_units(documents: Sequence[CorpusDocument], *, whole: bool) -> AsyncIterator[Unit]:
    for document in documents:
        raw = RawDocument(
            id=DocumentId(document.id),
            uri=f"corpus:{document.id}",
            media_type="text/markdown",
            # A chunked document without a title is named after its first heading.
            title=document.title if whole else "",
            body=(document.text if whole else document.markdown).encode(),
        )
        yield Unit(id=raw.id, uri=raw.uri, fetch=partial(_fetch, raw))


async def _fetch(raw: RawDocument, _: str) -> RawDocument:
    return raw
