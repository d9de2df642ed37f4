"""The connection to Redis, and the script that makes every change of the queue."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from rag import redis_connection
from rag.settings import RedisInboxSettings

_SCRIPT = Path(__file__).with_name("queue.lua")
_CALL_SECONDS = 15.0
_RETRIES = 2


class RedisQueue:
    """Calls the script. Read-only commands may use `client` directly."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self.client = client
        # In a cluster, the braces put all keys on one node, which a script needs to change them together.
        self.stream = f"{{{prefix}}}:inbox"
        self._script = client.register_script(_SCRIPT.read_text())

    def key(self, *parts: str) -> str:
        return ":".join((self.stream, *parts))

    async def call(self, change: str, *arguments: str | bytes | int | float) -> Any:
        """Run one change of the script; raises `Unavailable` or `Overloaded`."""
        with translated_errors():
            return await self._script(keys=[self.stream], args=[change, *arguments])

    async def documents(self, *parts: str) -> list[str]:
        """Return the members of a sorted set, in order."""
        with translated_errors():
            members: list[Any] = await self.client.zrange(self.key(*parts), 0, -1)
        return [member.decode() for member in members]


@asynccontextmanager
async def open_queue(settings: RedisInboxSettings) -> AsyncIterator[RedisQueue]:
    """Open a connection pool. It connects with the first call, which reports an unreachable server."""
    async with redis_connection.open_client(settings, call_seconds=_CALL_SECONDS, retries=_RETRIES) as client:
        yield RedisQueue(client, settings.prefix)


def translated_errors() -> AbstractContextManager[None]:
    return redis_connection.translated_errors(
        "RAG_INBOX",
        when_full="Redis has no memory left for another document. Try again when workers have ingested some of them.",
    )
