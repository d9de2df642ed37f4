"""The inbox contract on Redis, and the claims of workers on several machines."""

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
from tests.support.servers.redis_server import needs_redis, redis_server

pytestmark = pytest.mark.slow

CLAIM_SECONDS = 1.0
# Two workers share an event loop here, and a short pause of it must not look like a dead worker.
PATIENT_SECONDS = 6.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with redis_server(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster of one node, which refuses a script that touches two slots."""
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
    """Settings of the same inbox for a worker that must not lose its claims."""
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
    """Return the numbers that an autoscaler reads."""
    [group] = await queue.client.xinfo_groups(queue.stream)
    return group["lag"], group["pending"]


@needs_redis
async def test_the_consumer_group_reports_waiting_and_claimed_entries(inbox, queue, patient, tmp_path):
    async with open_worklist(patient, root=tmp_path) as worklist:
        for number in range(20):
            await inbox.put(upload(str(number)))
        assert await lag_and_pending(queue) == (20, 0)
        entries = [await worklist.claim() for _ in range(10)]
        assert await lag_and_pending(queue) == (10, 10)
        # Entries end out of order and in each way, and the lag must stay known.
        for index, entry in enumerate(reversed(entries[1:])):
            match index % 3:
                case 0:
                    await worklist.acknowledge(entry)
                case 1:
                    await worklist.retry(entry, after=60)
                case 2:
                    await worklist.dead_letter(entry, reason="no")
            assert await lag_and_pending(queue) == (10, 9 - index)
        await worklist.acknowledge(entries[0])
        assert await lag_and_pending(queue) == (10, 0)
        assert await queue.client.xlen(queue.stream) <= 11


@needs_redis
async def test_acknowledged_entries_leave_no_keys(inbox, queue, patient, tmp_path):
    async with open_worklist(patient, root=tmp_path) as worklist:
        for name in ("a", "b", "c"):
            await inbox.put(upload(name))
        await worklist.acknowledge(await worklist.claim())
        await worklist.retry(await worklist.claim(), after=0)
        while entry := await worklist.claim():
            await worklist.acknowledge(entry)
    keys = {key.decode() for key in await queue.client.keys(f"{queue.stream}*")}
    assert keys == {queue.stream, queue.key("claims"), queue.key("order")}


@needs_redis
async def test_the_order_rises_although_the_clock_of_redis_is_set_back(inbox, queue, patient, tmp_path):
    ahead = int((time.time() + 3_600) * 1_000_000)
    await queue.client.set(queue.key("order"), ahead)
    async with open_worklist(patient, root=tmp_path) as worklist:
        await inbox.put(upload("a"))
        entry = await worklist.claim()
        assert entry.order == ahead + 1
        await worklist.dead_letter(entry, reason="no")
        [letter] = await inbox.dead_letters()
        await inbox.replay(letter.id)
        assert (await worklist.claim()).order == ahead + 2


@needs_redis
async def test_heartbeats_keep_a_claim_beyond_its_time(inbox, patient, tmp_path):
    await inbox.put(upload("a"))
    async with (
        open_worklist(patient, root=tmp_path) as worklist,
        open_worklist(patient, root=tmp_path) as other,
    ):
        entry = await worklist.claim()
        assert not await other.wait(1.5 * patient.claim_seconds)
        await entry.confirm()
        await worklist.acknowledge(entry)


@asynccontextmanager
async def paused_worklist(settings: RedisInboxSettings):
    """Open the worklist of a worker without heartbeats, as after SIGSTOP."""
    async with open_queue(settings) as queue:
        yield RedisWorklist(queue, "paused", claim_seconds=settings.claim_seconds)


@needs_redis
@pytest.mark.parametrize("ending", ["confirm", "acknowledge", "retry", "dead_letter"])
async def test_a_paused_worker_cannot_end_a_claim_that_another_worker_has(inbox, settings, tmp_path, ending):
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
                    case "acknowledge":
                        await paused.acknowledge(old)
                    case "retry":
                        await paused.retry(old, after=0)
                    case "dead_letter":
                        await paused.dead_letter(old, reason="no")
            await new.confirm()
            [progress] = await inbox.progress(OURS, [DocumentId("a")])
            assert progress.state == "processing"
            await other.acknowledge(new)
    assert await inbox.progress(OURS) == []


@needs_redis
async def test_a_paused_worker_continues_if_no_other_worker_took_its_claim(inbox, settings):
    await inbox.put(upload("a"))
    async with paused_worklist(settings) as paused:
        entry = await paused.claim()
        await asyncio.sleep(1.5 * CLAIM_SECONDS)
        await entry.confirm()
        await paused.acknowledge(entry)
    assert await inbox.progress(OURS) == []


@needs_redis
async def test_a_newer_state_supersedes_the_claim_of_a_dead_worker(inbox, settings, tmp_path):
    await inbox.put(upload("a", body=b"one"))
    async with paused_worklist(settings) as paused:
        await paused.claim()
        await inbox.put(upload("a", body=b"two"))
        async with open_worklist(settings, root=tmp_path) as other:
            assert await other.wait(60)
            entry = await other.claim()
            assert (entry.job.document.body, entry.attempt) == (b"two", 1)
            await other.acknowledge(entry)
            assert await other.claim() is None


@needs_redis
async def test_a_server_without_memory_refuses_documents_and_keeps_its_entries(tmp_path):
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
                await worklist.acknowledge(entry)


async def test_an_unreachable_server_is_unavailable(tmp_path):
    settings = INBOX_SETTINGS.validate_python(values_for("redis://127.0.0.1:9/0"))
    async with (
        open_inbox(settings, root=tmp_path) as inbox,
        open_worklist(settings, root=tmp_path) as worklist,
    ):
        for call in (inbox.put(upload("a")), inbox.progress(OURS), inbox.statistics(), worklist.wait(0)):
            with pytest.raises(Unavailable):
                await call


@needs_redis
async def test_a_full_inbox_accepts_a_newer_state_of_a_queued_document(settings):
    async with open_queue(settings) as queue:
        inbox = RedisInbox(queue, max_entries=1)
        await inbox.put(upload("a", body=b"one"))
        await inbox.put(upload("a", body=b"two"))
        assert (await inbox.statistics()).queued == 1
