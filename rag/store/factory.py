"""Picks the store by its settings."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from rag.settings import EdgeStoreSettings, ServerStoreSettings, StoreSettings
from rag.store.backend import StoreBackend
from rag.store.base import StoreReader, VectorStore
from rag.types import EmbedderIdentity


def build_backend(settings: StoreSettings, *, root: Path) -> StoreBackend:
    """Return the configured store; `root` is the folder of the embedded one.

    Only the chosen adapter is imported: qdrant-client alone costs 80 MB and a second.
    """
    match settings:
        case EdgeStoreSettings():
            from rag.store.edge.backend import EdgeBackend  # noqa: PLC0415

            return EdgeBackend(root)
        case ServerStoreSettings():
            from rag.store.server.backend import ServerBackend  # noqa: PLC0415

            return ServerBackend(settings)


def open_reader(
    settings: StoreSettings, embedder: EmbedderIdentity, *, root: Path
) -> AbstractAsyncContextManager[StoreReader]:
    """Open the configured collection for searches; `root` is the folder of the embedded store."""
    return build_backend(settings, root=root).open_reader(embedder)


def open_writer(
    settings: StoreSettings, embedder: EmbedderIdentity, *, root: Path
) -> AbstractAsyncContextManager[VectorStore]:
    """Open the configured collection for ingestion; `root` is the folder of the embedded store."""
    return build_backend(settings, root=root).open_writer(embedder)
