"""The contract of shared state on Redis."""

import uuid

import pytest

from rag.errors import Overloaded, Unavailable
from rag.state.factory import open_state
from tests.contracts.test_redis_inbox import cluster, server
from tests.support.contracts.state import NOTES, OURS, STATE_SETTINGS, THEIRS, StateContract
from tests.support.servers.redis_server import needs_redis, redis_server

__all__ = ["cluster", "server"]
pytestmark = pytest.mark.slow


def values_for(url: str) -> dict[str, object]:
    return {"kind": "redis", "url": url, "prefix": f"test-{uuid.uuid4()}"}


@needs_redis
class TestRedisState(StateContract):
    @pytest.fixture
    def values(self, server):
        return values_for(server.url)

    async def test_erasing_leaves_no_keys(self, state, server, values):
        await state.put(NOTES, THEIRS, "a", b"")
        await state.erase(THEIRS)
        with server.client() as client:
            assert client.keys(f"*{values['prefix']}*") == []


@needs_redis
class TestRedisStateInACluster(StateContract):
    @pytest.fixture
    def values(self, cluster):
        return values_for(cluster.url)


async def test_an_unreachable_server_is_unavailable(tmp_path):
    settings = STATE_SETTINGS.validate_python(values_for("redis://127.0.0.1:9/0"))
    async with open_state(settings, path=tmp_path / "unused") as state:
        for call in (state.get(NOTES, OURS, "a"), state.put(NOTES, OURS, "a", b""), state.check()):
            with pytest.raises(Unavailable, match="RAG_STATE__URL"):
                await call


@needs_redis
async def test_a_server_without_memory_refuses_records_and_keeps_the_others(tmp_path):
    with redis_server(tmp_path / "redis", "--maxmemory", "6mb", "--maxmemory-policy", "noeviction") as small:
        settings = STATE_SETTINGS.validate_python(values_for(small.url))
        async with open_state(settings, path=tmp_path / "unused") as state:
            await state.put(NOTES, OURS, "kept", b"x" * 1_000_000)
            with pytest.raises(Overloaded, match="maxmemory"):
                for number in range(20):
                    await state.put(NOTES, OURS, str(number), b"x" * 1_000_000)
            assert len((await state.get(NOTES, OURS, "kept")).value) == 1_000_000
