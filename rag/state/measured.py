"""Metrics of any shared state."""

from collections.abc import Iterator
from contextlib import contextmanager

from rag.errors import Conflict
from rag.metrics import STATE_DURATION, STATE_FAILURES
from rag.state.base import Record, RecordKind, State

_OPERATIONS = ("get", "put", "delete", "page", "erase")


class MeasuredState:
    """A shared state that measures the wrapped one. A conflict is not a failure."""

    def __init__(self, state: State) -> None:
        self._state = state
        for operation in _OPERATIONS:
            STATE_FAILURES.labels(operation)
            STATE_DURATION.labels(operation)

    async def get(self, kind: RecordKind, tenant: str, key: str) -> Record | None:
        with _measured("get"):
            return await self._state.get(kind, tenant, key)

    async def put(self, kind: RecordKind, tenant: str, key: str, value: bytes, *, expected: int | None = None) -> int:
        with _measured("put"):
            return await self._state.put(kind, tenant, key, value, expected=expected)

    async def delete(self, kind: RecordKind, tenant: str, key: str) -> bool:
        with _measured("delete"):
            return await self._state.delete(kind, tenant, key)

    async def page(self, kind: RecordKind, tenant: str, *, before: int | None, limit: int) -> list[Record]:
        with _measured("page"):
            return await self._state.page(kind, tenant, before=before, limit=limit)

    async def erase(self, tenant: str) -> int:
        with _measured("erase"):
            return await self._state.erase(tenant)

    async def check(self) -> None:
        await self._state.check()


@contextmanager
def _measured(operation: str) -> Iterator[None]:
    try:
        with STATE_DURATION.labels(operation).time():
            yield
    except Conflict:
        raise
    except Exception:  # Whatever failed, the operation failed. It is raised again.
        STATE_FAILURES.labels(operation).inc()
        raise
