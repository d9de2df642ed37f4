"""Connections to Redis or Valkey, and the errors of both in this project's terms."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from rag.errors import AccessRefused, BadResponse, Overloaded, TimedOut, Unavailable
from rag.settings import RedisSettings

_CONNECTIONS = 32
_CONNECT_SECONDS = 3.0
# Error replies of a temporary state: the server starts, fails over, or has a full disk.
_TEMPORARY = ("CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "READONLY", "TRYAGAIN", "UNBLOCKED")


@asynccontextmanager
async def open_client(settings: RedisSettings, *, call_seconds: float, retries: int) -> AsyncIterator[Redis]:
    """Open a connection pool. It connects with the first call, which reports an unreachable server."""
    password = settings.password
    pool = BlockingConnectionPool.from_url(
        str(settings.url),
        **({"password": password.get_secret_value()} if password else {}),
        max_connections=_CONNECTIONS,
        timeout=call_seconds,
        socket_timeout=call_seconds,
        socket_connect_timeout=min(call_seconds, _CONNECT_SECONDS),
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries),
    )
    client = Redis.from_pool(pool)
    try:
        yield client
    finally:
        await client.aclose()


@contextmanager
def translated_errors(settings: str, *, when_full: str) -> Iterator[None]:
    """Raise errors of Redis as errors of this project.

    `settings` is the prefix of the variables that name the server, and `when_full` says what a full server means.
    """
    try:
        yield
    except (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError) as error:
        raise AccessRefused(
            f"Redis refused the credentials. Check {settings}__URL and {settings}__PASSWORD.", upstream=str(error)
        ) from error
    except exceptions.TimeoutError as error:
        raise TimedOut(
            f"Redis did not answer in time. Check its load, and the network to {settings}__URL.", upstream=str(error)
        ) from error
    except (exceptions.ConnectionError, exceptions.ReadOnlyError) as error:
        raise Unavailable(
            f"Redis cannot be reached. Check that it runs, and {settings}__URL.", upstream=str(error)
        ) from error
    except exceptions.OutOfMemoryError as error:
        raise Overloaded(when_full) from error
    except exceptions.RedisError as error:
        if str(error).startswith(_TEMPORARY):
            raise Unavailable(
                "Redis is temporarily unavailable. The log has its reason. Try again later.",
                upstream=str(error),
            ) from error
        raise BadResponse(
            "Redis refused the call. The log has its reason. Check that its version is 7 or newer.",
            upstream=str(error),
        ) from error
