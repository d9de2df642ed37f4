"""A library for each test."""

import pytest

from tests.support.library import open_library


@pytest.fixture
async def library(tmp_path):
    async with open_library(tmp_path) as opened:
        yield opened
