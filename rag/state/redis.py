"""Shared state in Redis or Valkey, for replicas on several machines. `state.lua` describes the keys."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from redis.asyncio import Redis

from rag import redis_connection
from rag.settings import RedisStateSettings
from rag.state.base import Record, RecordKind, changed_meanwhile

SCRIPT = Path(__file__).with_name("state.lua")
# An answer waits for its conversation, and comes without it if Redis hangs.
_CALL_SECONDS = 1.0


class RedisState:
    """Records with an expiry, and a sorted set of their keys for each tenant and kind."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._script = client.register_script(SCRIPT.read_text())

    async def get(self, kind: RecordKind, tenant: str, key: str) -> Record | None:
        found = await self._call(tenant, "get", kind.name, key)
        return Record(key=key, value=found[1], changed=int(found[0])) if found else None

    async def put(self, kind: RecordKind, tenant: str, key: str, value: bytes, *, expected: int | None = None) -> int:
        known = "" if expected is None else expected
        changed = await self._call(tenant, "put", kind.name, key, value, kind.seconds, kind.limit, known)
        if not changed:
            raise changed_meanwhile()
        return int(changed)

    async def delete(self, kind: RecordKind, tenant: str, key: str) -> bool:
        return bool(await self._call(tenant, "delete", kind.name, key))

    async def page(self, kind: RecordKind, tenant: str, *, before: int | None, limit: int) -> list[Record]:
        end = "+inf" if before is None else f"({before}"
        found = await self._call(tenant, "page", kind.name, end, limit)
        return [Record(key=key.decode(), value=value, changed=int(changed)) for key, value, changed in found]

    async def erase(self, tenant: str) -> int:
        return int(await self._call(tenant, "erase"))

    async def check(self) -> None:
        with _translated_errors():
            await self._client.ping()

    async def _call(self, tenant: str, change: str, *arguments: str | bytes | int) -> Any:
        # In a cluster, the braces put all keys of a tenant on one node, which the script needs to change them together.
        base = f"{{{self._prefix}:{quote(tenant, safe='')}}}"
        with _translated_errors():
            return await self._script(keys=[base], args=[change, *arguments])


@asynccontextmanager
async def open_redis_state(settings: RedisStateSettings) -> AsyncIterator[RedisState]:
    """Open a connection pool. It connects with the first call, which reports an unreachable server."""
    async with redis_connection.open_client(settings, call_seconds=_CALL_SECONDS, retries=0) as client:
        yield RedisState(client, settings.prefix)


def _translated_errors() -> AbstractContextManager[None]:
    return redis_connection.translated_errors(
        "RAG_STATE", when_full="Redis has no memory left for shared state. Raise its maxmemory, or lower the limits."
    )
