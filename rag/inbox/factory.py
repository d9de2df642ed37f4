"""Picks the inbox by its settings. Only the chosen adapter is imported."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from rag.inbox.base import OperatorInbox, Worklist
from rag.settings import FolderInboxSettings, InboxSettings, RedisInboxSettings


def open_inbox(settings: InboxSettings, *, root: Path) -> AbstractAsyncContextManager[OperatorInbox]:
    """Open the side of the service and the operator; `root` is the folder of the folder inbox."""
    match settings:
        case FolderInboxSettings():
            from rag.inbox.folder.inbox import open_folder_inbox  # noqa: PLC0415

            return open_folder_inbox(root)
        case RedisInboxSettings():
            from rag.inbox.redis.inbox import open_redis_inbox  # noqa: PLC0415

            return open_redis_inbox(settings)


def open_worklist(settings: InboxSettings, *, root: Path) -> AbstractAsyncContextManager[Worklist]:
    """Open a worker's side; `root` is the folder of the folder inbox."""
    match settings:
        case FolderInboxSettings():
            from rag.inbox.folder.worklist import open_folder_worklist  # noqa: PLC0415

            return open_folder_worklist(root)
        case RedisInboxSettings():
            from rag.inbox.redis.worklist import open_redis_worklist  # noqa: PLC0415

            return open_redis_worklist(settings)
