"""Picks the store by its settings."""

from pathlib import Path

from rag.settings import EdgeStoreSettings, ServerStoreSettings, StoreSettings
from rag.store.backend import StoreBackend


def build_backend(settings: StoreSettings, *, root: Path) -> StoreBackend:
    """Return the configured store; `root` is the folder of the embedded one."""
    # Only the chosen adapter is imported: qdrant-client alone costs 80 MB and a second.
    match settings:
        case EdgeStoreSettings():
            from rag.store.edge.backend import EdgeBackend  # noqa: PLC0415

            return EdgeBackend(root)
        case ServerStoreSettings():
            from rag.store.server.backend import ServerBackend  # noqa: PLC0415

            return ServerBackend(settings)
