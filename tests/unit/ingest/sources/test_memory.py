"""The memory of a source does not grow with the number of its units."""

import gc
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.sources.base import Source, Unit
from ingest.sources.files import FileSource
from ingest.sources.json_lines import JsonLinesSource

pytestmark = pytest.mark.slow

FEW, MANY = 400, 4_000
PER_FOLDER = 50
# Allows for noise of the interpreter. A list of all entries would need many times as much.
MAX_GROWTH_BYTES = 200_000


def build_file_source(entries: int, folder: Path) -> FileSource:
    """Write `entries` files into nested folders."""
    for number in range(entries):
        if number % PER_FOLDER == 0:
            nested = folder / f"{number // 1_000}" / f"{number}"
            nested.mkdir(parents=True)
        os.mknod(nested / f"{number % PER_FOLDER}.md")
    return FileSource(folder, max_bytes=1_000)


def build_json_lines_source(entries: int, folder: Path) -> JsonLinesSource:
    with (folder / "all.jsonl").open("w") as file:
        file.writelines(json.dumps({"id": f"{n}", "text": f"Number {n}. " * 20}) + "\n" for n in range(entries))
    return JsonLinesSource(folder / "all.jsonl", max_bytes=100_000)


async def measure_peak_bytes(source: Source, entries: int) -> int:
    """Return the highest of ten samples of the allocated memory, each taken after a garbage collection."""
    tracemalloc.start()
    try:
        listed, peak = 0, 0
        async for unit in source.find():
            assert isinstance(unit, Unit)
            if listed % (entries // 10) == 0:
                gc.collect()
                peak = max(peak, tracemalloc.get_traced_memory()[0])
            listed += 1
        assert listed == entries
        return peak
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("build", [build_file_source, build_json_lines_source])
async def test_ten_times_as_many_entries_need_no_more_memory(tmp_path, build: Callable[[int, Path], Source]):
    peaks = []
    for entries in (FEW, MANY):
        folder = tmp_path / str(entries)
        folder.mkdir()
        peaks.append(await measure_peak_bytes(build(entries, folder), entries))
    assert peaks[1] < peaks[0] + MAX_GROWTH_BYTES
