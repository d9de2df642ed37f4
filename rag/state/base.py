"""The port of shared state: small records of a tenant, kept in order of their last change.

Each kind of record has a bound for each tenant and an age, so that no tenant can fill the storage of another one.
"""

from dataclasses import dataclass
from typing import Protocol

from rag.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKind:
    """A kind of record, such as conversations, with its limits."""

    name: str
    limit: int
    """Most records of one tenant. One more removes the record whose last change is the oldest."""
    seconds: int
    """Seconds after its last change in which a record can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record as it was read."""

    key: str
    value: bytes
    changed: int
    """Microseconds since 1970 of the last change. No two records of a tenant and a kind have the same number."""


class State(Protocol):
    """Storage of records: `SqliteState` or `RedisState`. Each call raises `Unavailable` if the storage fails."""

    async def get(self, kind: RecordKind, tenant: str, key: str) -> Record | None:
        """Return a record, or None if it does not exist or is too old."""

    async def put(self, kind: RecordKind, tenant: str, key: str, value: bytes, *, expected: int | None = None) -> int:
        """Write a record, remove the ones beyond the limits, and return the number of the change.

        With `expected`, raises `Conflict` unless this is the number of the last change; 0 is a record that does not
        exist.
        """

    async def delete(self, kind: RecordKind, tenant: str, key: str) -> bool:
        """Delete a record. Return False if it did not exist."""

    async def page(self, kind: RecordKind, tenant: str, *, before: int | None, limit: int) -> list[Record]:
        """Return the records with the latest changes, or of those before the change `before`."""

    async def erase(self, tenant: str) -> int:
        """Delete all records of a tenant, of every kind, and return their number."""

    async def check(self) -> None:
        """Raise `Unavailable` if records cannot be read."""


def changed_meanwhile() -> Conflict:
    return Conflict("Another request changed the record at the same time. Try again.")
