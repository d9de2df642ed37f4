"""What a source keeps in memory does not grow with what it lists."""

import gc
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.sources.base import Source, Unit
from ingest.sources.files import FileSource
from ingest.sources.lines import LineSource

FEW, MANY = 1_000, 10_000
PER_FOLDER = 50
# The interpreter's own noise; a list of all entries would need many times as much.
MOST_MORE_BYTES = 200_000


def folder_of(entries: int, place: Path) -> FileSource:
    """Some per folder, and folders in folders."""
    for number in range(entries):
        if number % PER_FOLDER == 0:
            below = place / f"{number // 1_000}" / f"{number}"
            below.mkdir(parents=True)
        os.mknod(below / f"{number % PER_FOLDER}.md")
    return FileSource(place, max_bytes=1_000)


def lines_of(entries: int, place: Path) -> LineSource:
    with (place / "all.jsonl").open("w") as file:
        file.writelines(json.dumps({"id": f"{n}", "text": f"Number {n}. " * 20}) + "\n" for n in range(entries))
    return LineSource(place / "all.jsonl", max_bytes=100_000)


async def most_held_by(source: Source, entries: int) -> int:
    """Bytes more than before, at ten moments while it is gone through; what only waits to be collected is not held."""
    tracemalloc.start()
    try:
        found, held = 0, 0
        async for unit in source.find():
            assert isinstance(unit, Unit)
            if found % (entries // 10) == 0:
                gc.collect()
                held = max(held, tracemalloc.get_traced_memory()[0])
            found += 1
        assert found == entries
        return held
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("source_of", [folder_of, lines_of])
async def test_ten_times_as_many_entries_need_no_more_memory(tmp_path, source_of: Callable[[int, Path], Source]):
    held = []
    for entries in (FEW, MANY):
        place = tmp_path / str(entries)
        place.mkdir()
        held.append(await most_held_by(source_of(entries, place), entries))
    assert held[1] < held[0] + MOST_MORE_BYTES
