"""Picks the store by the settings, and imports that one only: qdrant-client alone is 80 MB and a second."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from rag.settings import EdgeStoreSettings, ServerStoreSettings, StoreSettings
from rag.store.base import Catalogue, StoreReader, VectorStore
from rag.types import EmbedderIdentity


def open_reader(
    settings: StoreSettings, embedder: EmbedderIdentity, *, root: Path
) -> AbstractAsyncContextManager[StoreReader]:
    """`root` is the folder of the embedded form."""
    match settings:
        case EdgeStoreSettings():
            from rag.store.edge.store import open_edge_reader  # noqa: PLC0415

            return open_edge_reader(root, embedder)
        case ServerStoreSettings():
            from rag.store.server.store import open_server_store  # noqa: PLC0415

            return open_server_store(settings, embedder)


def open_catalogue(settings: StoreSettings, *, root: Path) -> AbstractAsyncContextManager[Catalogue | None]:
    """None where there is no collection yet: looking creates none. `root` is the folder of the embedded form."""
    match settings:
        case EdgeStoreSettings():
            from rag.store.edge.store import open_edge_catalogue  # noqa: PLC0415

            return open_edge_catalogue(root)
        case ServerStoreSettings():
            from rag.store.server.store import open_server_catalogue  # noqa: PLC0415

            return open_server_catalogue(settings)


def open_writer(
    settings: StoreSettings, embedder: EmbedderIdentity, *, root: Path
) -> AbstractAsyncContextManager[VectorStore]:
    """`root` is the folder of the embedded form."""
    match settings:
        case EdgeStoreSettings():
            from rag.store.edge.store import open_edge_writer  # noqa: PLC0415

            return open_edge_writer(root, embedder)
        case ServerStoreSettings():
            from rag.store.server.store import open_server_writer  # noqa: PLC0415

            return open_server_writer(settings, embedder)


async def embedder_of(settings: StoreSettings, *, root: Path) -> EmbedderIdentity | None:
    """Who filled the collection, None where there is none yet; `root` is the folder of the embedded form."""
    match settings:
        case EdgeStoreSettings():
            from rag.store.edge.revisions import Revisions  # noqa: PLC0415

            return Revisions(root).embedder()
        case ServerStoreSettings():
            from rag.store.server.collections import Collections  # noqa: PLC0415
            from rag.store.server.store import open_client  # noqa: PLC0415

            async with open_client(settings) as client:
                collections = Collections(client, settings.collection)
                current = await collections.current()
                return await collections.embedder_of(current) if current else None
