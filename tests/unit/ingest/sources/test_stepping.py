"""What is read in threads of its own: whoever waits for it is told what went wrong there."""

from collections.abc import Iterator

import pytest

from ingest.sources.stepping import as_they_come, stepped


def broken() -> Iterator[int]:
    yield 1
    raise LookupError("in the middle")


@pytest.mark.parametrize("taken", [stepped, as_they_come])
async def test_a_fault_of_what_is_listed_reaches_whoever_waits(taken):
    found: list[int] = []
    with pytest.raises(LookupError, match="in the middle"):
        async for item in taken(broken()):
            found.append(item)
    assert found in ([1], [])
