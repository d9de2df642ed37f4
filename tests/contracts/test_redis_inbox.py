"""The inbox contract on Redis, and what only several machines can do to each other."""

import asyncio
import time
import uuid
from contextlib import asynccontextmanager

import pytest
import redis

from rag.errors import ClaimLost, Unavailable
from rag.inbox.factory import open_inbox, open_worklist
from rag.inbox.redis.inbox import RedisInbox
from rag.inbox.redis.queue import open_queue
from rag.inbox.redis.worklist import RedisWorklist
from rag.settings import RedisInboxSettings
from rag.types import DocumentId
from tests.support.contracts.inbox import INBOX_SETTINGS, OURS, InboxContract, upload
from tests.support.redis_server import needs_redis, redis_server

pytestmark = pytest.mark.slow

CLAIM_SECONDS = 1.0
# Two workers share an event loop here: a moment in which it stands still must not look like a death.
PATIENT_SECONDS = 6.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with redis_server(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """One node that has every slot, and refuses a script that touches two."""
    with redis_server(tmp_path_factory.mktemp("cluster"), "--cluster-enabled", "yes") as started:
        with started.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            deadline = time.monotonic() + 60
            while "cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield started


def values_for(url: str, claim_seconds: float = CLAIM_SECONDS) -> dict[str, object]:
    return {"kind": "redis", "url": url, "prefix": f"test-{uuid.uuid4()}", "claim_seconds": claim_seconds}


class RedisContract(InboxContract):
    @pytest.fixture
    def damage(self, values):
        def spoil() -> None:
            with redis.Redis.from_url(values["url"]) as client:
                [entry] = client.keys(f"{{{values['prefix']}}}:inbox:queued:*")
                client.hset(entry, "header", b'{"tenant": "ou')

        return spoil

    @pytest.fixture
    async def small(self, settings):
        async with open_queue(settings) as queue:
            yield RedisInbox(queue, max_entries=1)


@needs_redis
class TestRedisInbox(RedisContract):
    @pytest.fixture
    def values(self, server, claim_seconds):
        return values_for(server.url, claim_seconds)


@needs_redis
class TestRedisInboxInACluster(RedisContract):
    @pytest.fixture
    def values(self, cluster, claim_seconds):
        return values_for(cluster.url, claim_seconds)


@pytest.fixture
def settings(server) -> RedisInboxSettings:
    found = INBOX_SETTINGS.validate_python(values_for(server.url))
    assert isinstance(found, RedisInboxSettings)
    return found


@pytest.fixture
def patient(settings) -> RedisInboxSettings:
    """Of the same inbox, for a worker that is not meant to lose what it has."""
    return settings.model_copy(update={"claim_seconds": PATIENT_SECONDS})


@pytest.fixture
async def inbox(settings, tmp_path):
    async with open_inbox(settings, root=tmp_path) as opened:
        yield opened


@pytest.fixture
async def queue(settings):
    async with open_queue(settings) as opened:
        yield opened


async def lag_and_pending(queue) -> tuple[int, int]:
    """As an autoscaler reads them."""
    [group] = await queue.client.xinfo_groups(queue.stream)
    return group["lag"], group["pending"]


@needs_redis
async def test_the_group_of_the_stream_tells_what_waits_and_what_is_worked_on(inbox, queue, patient, tmp_path):
    async with open_worklist(patient, root=tmp_path) as worklist:
        for number in range(20):
            await inbox.put(upload(str(number)))
        assert await lag_and_pending(queue) == (20, 0)
        entries = [await worklist.claim() for _ in range(10)]
        assert await lag_and_pending(queue) == (10, 10)
        # Not in their order, and each way of ending: the numbers stay numbers.
        for index, entry in enumerate(reversed(entries[1:])):
            match index % 3:
                case 0:
                    await worklist.settle(entry)
                case 1:
                    await worklist.retry(entry, after=60)
                case 2:
                    await worklist.bury(entry, reason="no")
            assert await lag_and_pending(queue) == (10, 9 - index)
        await worklist.settle(entries[0])
        assert await lag_and_pending(queue) == (10, 0)
        assert await queue.client.xlen(queue.stream) <= 11


@needs_redis
async def test_nothing_stays_of_what_is_settled(inbox, queue, patient, tmp_path):
    async with open_worklist(patient, root=tmp_path) as worklist:
        for name in ("a", "b", "c"):
            await inbox.put(upload(name))
        await worklist.settle(await worklist.claim())
        await worklist.retry(await worklist.claim(), after=0)
        while entry := await worklist.claim():
            await worklist.settle(entry)
    keys = {key.decode() for key in await queue.client.keys(f"{queue.stream}*")}
    assert keys == {queue.stream, queue.key("claims")}


@needs_redis
async def test_a_claim_is_kept_for_longer_than_its_time_while_its_worker_lives(inbox, patient, tmp_path):
    await inbox.put(upload("a"))
    async with (
        open_worklist(patient, root=tmp_path) as worklist,
        open_worklist(patient, root=tmp_path) as other,
    ):
        entry = await worklist.claim()
        assert not await other.wait(1.5 * patient.claim_seconds)
        await entry.confirm()
        await worklist.settle(entry)


@asynccontextmanager
async def paused_worklist(settings: RedisInboxSettings):
    """Of a worker that shows no sign of life, as after SIGSTOP."""
    async with open_queue(settings) as queue:
        yield RedisWorklist(queue, "paused", claim_seconds=settings.claim_seconds)


@needs_redis
@pytest.mark.parametrize("ending", ["confirm", "settle", "retry", "bury"])
async def test_a_worker_that_stood_still_can_do_nothing_with_what_another_has(inbox, settings, tmp_path, ending):
    await inbox.put(upload("a", body=b"one"))
    async with paused_worklist(settings) as paused:
        old = await paused.claim()
        async with open_worklist(settings, root=tmp_path) as other:
            assert await other.wait(60)
            new = await other.claim()
            assert (new.job, new.attempt) == (old.job, 2)
            with pytest.raises(ClaimLost):
                match ending:
                    case "confirm":
                        await old.confirm()
                    case "settle":
                        await paused.settle(old)
                    case "retry":
                        await paused.retry(old, after=0)
                    case "bury":
                        await paused.bury(old, reason="no")
            await new.confirm()
            [progress] = await inbox.progress(OURS, DocumentId("a"))
            assert progress.state == "processing"
            await other.settle(new)
    assert await inbox.progress(OURS) == []


@needs_redis
async def test_a_worker_that_stood_still_alone_goes_on(inbox, settings):
    await inbox.put(upload("a"))
    async with paused_worklist(settings) as paused:
        entry = await paused.claim()
        await asyncio.sleep(1.5 * CLAIM_SECONDS)
        await entry.confirm()
        await paused.settle(entry)
    assert await inbox.progress(OURS) == []


@needs_redis
async def test_what_a_dead_worker_held_gives_way_to_a_newer_state(inbox, settings, tmp_path):
    await inbox.put(upload("a", body=b"one"))
    async with paused_worklist(settings) as paused:
        await paused.claim()
        await inbox.put(upload("a", body=b"two"))
        async with open_worklist(settings, root=tmp_path) as other:
            assert await other.wait(60)
            entry = await other.claim()
            assert (entry.job.document.body, entry.attempt) == (b"two", 1)
            await other.settle(entry)
            assert await other.claim() is None


@needs_redis
async def test_a_server_without_memory_turns_documents_away_and_keeps_what_it_has(tmp_path):
    with redis_server(tmp_path / "redis", "--maxmemory", "6mb", "--maxmemory-policy", "noeviction") as small:
        settings = INBOX_SETTINGS.validate_python(values_for(small.url))
        async with open_inbox(settings, root=tmp_path) as inbox:
            await inbox.put(upload("kept", body=b"x" * 1_000_000))
            with pytest.raises(Unavailable, match="no memory"):
                for number in range(20):
                    await inbox.put(upload(str(number), body=b"x" * 1_000_000))
            async with open_worklist(settings, root=tmp_path) as worklist:
                entry = await worklist.claim()
                assert entry.job.document_id == "kept"
                await worklist.settle(entry)


async def test_a_server_that_is_away_is_unavailable(tmp_path):
    settings = INBOX_SETTINGS.validate_python(values_for("redis://127.0.0.1:9/0"))
    async with (
        open_inbox(settings, root=tmp_path) as inbox,
        open_worklist(settings, root=tmp_path) as worklist,
    ):
        for call in (inbox.put(upload("a")), inbox.progress(OURS), inbox.statistics(), worklist.wait(0)):
            with pytest.raises(Unavailable):
                await call


@needs_redis
async def test_a_full_inbox_lets_a_newer_state_of_what_waits_in(settings):
    async with open_queue(settings) as queue:
        inbox = RedisInbox(queue, max_entries=1)
        await inbox.put(upload("a", body=b"one"))
        await inbox.put(upload("a", body=b"two"))
        assert (await inbox.statistics()).queued == 1
