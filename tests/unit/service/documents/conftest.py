"""A store and an inbox for each test."""

import pytest

from tests.support.installation import open_installation


@pytest.fixture
async def installation(tmp_path):
    async with open_installation(tmp_path) as opened:
        yield opened
