"""Picks the shared state by its settings. Only the chosen adapter is imported."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from rag.settings import RedisStateSettings, SqliteStateSettings, StateSettings
from rag.state.base import State


def open_state(settings: StateSettings, *, path: Path) -> AbstractAsyncContextManager[State]:
    """Open the shared state; `path` is the file of the SQLite database. A failing server is reported by each call."""
    match settings:
        case SqliteStateSettings():
            from rag.state.sqlite import open_sqlite_state  # noqa: PLC0415

            return open_sqlite_state(path)
        case RedisStateSettings():
            from rag.state.redis import open_redis_state  # noqa: PLC0415

            return open_redis_state(settings)
