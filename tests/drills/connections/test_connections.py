"""A short form of the drill, on the stand-in or on the server at TEST_QDRANT_URL."""

import pytest

from tests.drills.connections.measures import a_server, measure_outage, measure_replacement, measure_silence

pytestmark = pytest.mark.slow


@pytest.fixture
async def settings():
    async with a_server() as given:
        yield given


async def test_a_server_that_is_back_is_found_within_seconds(settings):
    assert await measure_outage(settings, seconds=15) <= 10


async def test_a_silent_connection_is_left(settings):
    assert await measure_silence(settings) <= 30


async def test_no_search_finds_nothing_while_a_document_is_replaced(settings):
    found = await measure_replacement(settings, seconds=5)
    assert found.found_nothing == 0
    assert min(found.versions, found.searches) > 5
