"""Pages of records by time, from a store that can start at a time but not behind a record."""

from types import SimpleNamespace

import pytest

from rag.store.newest import newest_first
from rag.store.schema import SCROLL_PAGE


def record(number: int, at: float) -> SimpleNamespace:
    return SimpleNamespace(id=number, payload={"number": number, "ingested_at": at})


async def read(records: list[SimpleNamespace]) -> tuple[list[int], int]:
    """Return the numbers in the order of the pages, and the number of pages."""
    calls = 0

    async def fetch(start: float | None, limit: int) -> list[SimpleNamespace]:
        nonlocal calls
        calls += 1
        return [it for it in records if start is None or it.payload["ingested_at"] <= start][:limit]

    found = [payload["number"] async for payload in newest_first(fetch)]
    return found, calls


@pytest.mark.parametrize("count", [0, 1, SCROLL_PAGE - 1, SCROLL_PAGE, SCROLL_PAGE + 1, 3 * SCROLL_PAGE])
@pytest.mark.parametrize("same", [1, 2, 7])
async def test_each_record_comes_once_in_order(count, same):
    records = [record(number, 1000.0 - number // same) for number in range(count)]
    assert (await read(records))[0] == list(range(count))


async def test_more_records_than_a_page_may_have_the_same_time():
    records = [record(0, 2000.0), *(record(number, 1000.0) for number in range(1, 1000)), record(1000, 1.0)]
    found, calls = await read(records)
    assert found == list(range(1001))
    assert calls < 6


async def test_a_caller_that_stops_early_reads_no_further_page():
    calls = 0

    async def fetch(_: float | None, limit: int) -> list[SimpleNamespace]:
        nonlocal calls
        calls += 1
        return [record(number, -number) for number in range(limit)]

    async for payload in newest_first(fetch):
        if payload["number"] == SCROLL_PAGE - 1:
            break
    assert calls == 1
