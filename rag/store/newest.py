"""Reads points by their time of ingestion, newest first, in pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from rag.store.schema import SCROLL_PAGE

ORDER_FIELD = "ingested_at"

Fetch = Callable[[float | None, int], Awaitable[Sequence[Any]]]
"""Returns at most so many records from this time on, newest first. Without a time, it starts at the newest record."""


async def newest_first(fetch: Fetch) -> AsyncIterator[dict[str, Any]]:
    """Yield the payloads of all records.

    A page starts at a time and not behind a record, so each page repeats the records with the last time of the previous
    one.
    """
    start: float | None = None
    limit = SCROLL_PAGE
    repeated: set[Any] = set()
    while True:
        records = await fetch(start, limit)
        for record in records:
            if str(record.id) not in repeated:
                yield record.payload
        if len(records) < limit:
            return
        last = records[-1].payload[ORDER_FIELD]
        if last == start:
            # More records than a page have this time, for example after a restore of a generated collection.
            limit *= 2
        repeated = {str(record.id) for record in records if record.payload[ORDER_FIELD] == last}
        start = last
