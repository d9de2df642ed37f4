from collections.abc import Iterator

import pytest

from ingest.sources.threaded_iteration import iterate_in_daemon_threads, iterate_in_threads


def fail_after_one() -> Iterator[int]:
    yield 1
    raise LookupError("in the middle")


@pytest.mark.parametrize("iterate", [iterate_in_threads, iterate_in_daemon_threads])
async def test_an_error_in_the_iterator_is_raised_in_the_task_that_waits(iterate):
    items: list[int] = []
    with pytest.raises(LookupError, match="in the middle"):
        async for item in iterate(fail_after_one()):
            items.append(item)
    assert items in ([1], [])
