"""The connection to Redis, and the script that makes every change of the queue."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from rag.errors import AccessRefused, BadResponse, Overloaded, TimedOut, Unavailable
from rag.settings import RedisInboxSettings

_SCRIPT = Path(__file__).with_name("queue.lua")
_CONNECTIONS = 32
_CONNECT_SECONDS = 3.0
_CALL_SECONDS = 15.0
# Error replies of a temporary state: the server starts, fails over, or has a full disk.
_TEMPORARY = ("CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "READONLY", "TRYAGAIN", "UNBLOCKED")


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
    password = settings.password
    pool = BlockingConnectionPool.from_url(
        str(settings.url),
        **({"password": password.get_secret_value()} if password else {}),
        max_connections=_CONNECTIONS,
        timeout=_CALL_SECONDS,
        socket_timeout=_CALL_SECONDS,
        socket_connect_timeout=_CONNECT_SECONDS,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 2),
    )
    client = Redis.from_pool(pool)
    try:
        yield RedisQueue(client, settings.prefix)
    finally:
        await client.aclose()


@contextmanager
def translated_errors() -> Iterator[None]:
    try:
        yield
    except (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError) as error:
        raise AccessRefused(
            "Redis refused the credentials. Check RAG_INBOX__URL and RAG_INBOX__PASSWORD.", upstream=str(error)
        ) from error
    except exceptions.TimeoutError as error:
        raise TimedOut("Redis did not answer in time.", upstream=str(error)) from error
    except (exceptions.ConnectionError, exceptions.ReadOnlyError) as error:
        raise Unavailable(
            "Redis cannot be reached. Check that it runs, and RAG_INBOX__URL.", upstream=str(error)
        ) from error
    except exceptions.OutOfMemoryError as error:
        raise Overloaded(
            "Redis has no memory left for another document. Try again when workers have ingested some of them."
        ) from error
    except exceptions.RedisError as error:
        if str(error).startswith(_TEMPORARY):
            raise Unavailable("Redis is temporarily unavailable.", upstream=str(error)) from error
        raise BadResponse("Redis refused the call.", upstream=str(error)) from error
