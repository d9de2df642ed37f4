"""The study of the archive counts every point that it copies and fills."""

import pytest

from research.archive.speed import measure_archive


@pytest.mark.slow
async def test_every_point_is_copied_and_filled():
    copied, filled = await measure_archive(documents=3, chunks=5)
    assert [(it.step, it.points) for it in (copied, filled)] == [("copy", 15), ("fill", 15)]
    assert copied.seconds > 0 < filled.seconds
    assert copied.bytes == filled.bytes > 0
