"""Opens the backup's side of the configured store; each imports only what it needs."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from rag.settings import EdgeStoreSettings, ServerStoreSettings, StoreSettings
from rag.store.backup.base import Copying, Restoring


def open_copying(settings: StoreSettings, folder: Path, *, root: Path) -> AbstractAsyncContextManager[Copying]:
    """Copies go into the folder; raises `NotFound` where there is no collection yet."""
    match settings:
        case EdgeStoreSettings():
            from rag.store.backup.edge import open_copying_edge  # noqa: PLC0415

            return open_copying_edge(folder, root)
        case ServerStoreSettings():
            from rag.store.backup.server import open_copying_server  # noqa: PLC0415

            return open_copying_server(settings, folder)


def open_restoring(
    settings: StoreSettings, folder: Path, *, root: Path, replace: bool
) -> AbstractAsyncContextManager[Restoring]:
    """Reads the folder back in; what is not switched to is gone when this closes.

    Raises `InvalidInput` where there is a collection already and `replace` is not said, `Locked` while it is written.
    """
    match settings:
        case EdgeStoreSettings():
            from rag.store.backup.edge import open_restoring_edge  # noqa: PLC0415

            return open_restoring_edge(folder, root, replace=replace)
        case ServerStoreSettings():
            from rag.store.backup.server import open_restoring_server  # noqa: PLC0415

            return open_restoring_server(settings, folder, replace=replace)
