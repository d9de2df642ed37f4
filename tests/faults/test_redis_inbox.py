"""Killed and stopped workers with a Redis inbox, and a killed Redis: no document is lost or duplicated."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import HttpUrl

from rag.embedding.factory import open_embedder
from rag.errors import Unavailable
from rag.http import open_session
from rag.inbox.base import Upload
from rag.inbox.factory import open_inbox
from rag.settings import KernelSettings, RedisInboxSettings, ServerStoreSettings
from rag.store.factory import build_backend
from rag.types import Chunk, DocumentId, RawDocument, Scope
from tests.support.fakes.qdrant import serve_qdrant
from tests.support.fakes.servers import in_thread
from tests.support.programs import environment, service
from tests.support.servers.redis_server import RedisServer, needs_redis, redis_server

pytestmark = needs_redis

SCOPE = Scope(tenant="default")
CLAIM_SECONDS = "2"
TIMEOUT_SECONDS = 240


@pytest.fixture
def redis(tmp_path) -> Iterator[RedisServer]:
    with redis_server(tmp_path / "redis") as started:
        yield started


@pytest.fixture
def variables(redis) -> dict[str, str]:
    return {
        "RAG_INBOX__KIND": "redis",
        "RAG_INBOX__URL": redis.url,
        "RAG_INBOX__CLAIM_SECONDS": CLAIM_SECONDS,
        "RAG_WORKER_ATTEMPTS": "100",
        "RAG_PARSING__PROCESSES": "1",
    }


@pytest.fixture
def qdrant() -> Iterator[dict[str, str]]:
    """A store that several workers can write at the same time."""
    with in_thread(serve_qdrant()) as port:
        yield {
            "RAG_STORE__KIND": "server",
            "RAG_STORE__URL": "http://127.0.0.1:1",
            "RAG_STORE__GRPC_PORT": str(port),
        }


@contextmanager
def worker(data_dir: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with (data_dir / "worker.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest", "worker"], env=environment(data_dir, **variables), stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def put(redis: RedisServer, name: str, text: str) -> None:
    document = RawDocument(id=DocumentId(name), uri=f"upload:{name}", media_type="text/markdown", body=text.encode())
    job = Upload(scope=SCOPE, document=document)
    async with open_inbox(RedisInboxSettings(kind="redis", url=redis.url), root=Path()) as inbox:
        await inbox.put(job)


async def counts(redis: RedisServer) -> tuple[int, int, int]:
    async with open_inbox(RedisInboxSettings(kind="redis", url=redis.url), root=Path()) as inbox:
        statistics = await inbox.statistics()
    return statistics.queued, statistics.processing, statistics.dead


async def wait_for(redis: RedisServer, is_reached) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_reached(await counts(redis)):
        assert time.monotonic() < deadline, await counts(redis)
        await asyncio.sleep(0.1)


def is_empty(queued_processing_dead: tuple[int, int, int]) -> bool:
    return queued_processing_dead == (0, 0, 0)


async def stored(data_dir: Path, variables: dict[str, str]) -> list[Chunk]:
    store = {}
    if "RAG_STORE__KIND" in variables:
        url, port = HttpUrl(variables["RAG_STORE__URL"]), int(variables["RAG_STORE__GRPC_PORT"])
        store = {"store": ServerStoreSettings(kind="server", url=url, grpc_port=port)}
    settings = KernelSettings(data_dir=data_dir, **store)
    async with (
        open_session(settings.http) as session,
        open_embedder(settings.embedder, session, models=settings.models_dir) as embedder,
        build_backend(settings.store, root=settings.store_dir).open_reader(embedder.identity) as reader,
    ):
        return [chunk async for chunk in reader.scroll(SCOPE)]


def text_of(name: str, state: int = 0) -> str:
    parts = [f"Paragraph {number} of {name} in state {state} is about pumps and valves." for number in range(20)]
    return f"# State {state} of {name}\n\n" + "\n\n".join(f"## Part\n\n{part}" for part in parts)


def require_each_once(chunks: list[Chunk], documents: set[str]) -> None:
    by_document: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_document.setdefault(chunk.document_id, []).append(chunk)
    assert by_document.keys() == documents
    for parts in by_document.values():
        assert {part.version for part in parts} == {parts[0].version}
        assert sorted(part.ordinal for part in parts) == list(range(parts[0].chunk_count))


async def test_another_worker_ingests_what_a_killed_worker_had_claimed(data_dir, redis, variables):
    documents = {f"{number}.md" for number in range(6)}
    for name in documents:
        await put(redis, name, text_of(name))
    with worker(data_dir, variables) as first:
        await wait_for(redis, lambda counted: counted[1] > 0)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert (await counts(redis))[1] > 0
    with worker(data_dir, variables):
        await wait_for(redis, is_empty)
    require_each_once(await stored(data_dir, variables), documents)


async def test_documents_survive_restarts_of_redis(data_dir, redis, variables):
    documents = {f"{number}.md" for number in range(12)}
    with worker(data_dir, variables) as process:
        for index, name in enumerate(sorted(documents)):
            if index % 6 == 2:
                redis.kill()
                with pytest.raises(Unavailable):
                    await put(redis, name, text_of(name))
                # Longer than RAG_INBOX__CLAIM_SECONDS, so every lease has expired.
                await asyncio.sleep(3)
                redis.start()
            await put(redis, name, text_of(name))
            await asyncio.sleep(0.2)
        await wait_for(redis, is_empty)
        assert process.poll() is None
    require_each_once(await stored(data_dir, variables), documents)


def test_the_service_answers_503_without_redis_and_recovers_with_it(data_dir, redis, variables):
    with service(data_dir, **variables, RAG_ANSWERING__MAX_TOKENS="16") as running:
        assert running.put("before.md", b"# Before\n\nThe pump is blue.").status_code == 202
        running.wait_for_state("before.md", "ready", seconds=TIMEOUT_SECONDS)
        redis.kill()
        refused = running.put("during.md", b"# During\n\nThe pump is red.")
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert "Retry-After" in refused.headers
        assert running.ask("Which colour has the pump?").status_code == 200
        listed = running.http.get("/v1/documents").json()
        assert [(it["id"], it["state"], it["update"]["state"]) for it in listed["documents"]] == [
            ("before.md", "ready", "unknown")
        ]
        assert listed["queue"] is None
        ready = running.http.get("/v1/documents/before.md")
        assert (ready.json()["state"], ready.headers.get("etag")) == ("ready", None)
        assert running.http.get("/v1/documents/during.md").status_code == 503
        redis.start()
        assert running.put("after.md", b"# After\n\nThe pump is green.").status_code == 202
        running.wait_for_state("after.md", "ready", seconds=TIMEOUT_SECONDS)
        assert running.http.get("/v1/documents/during.md").status_code == 404
        listed = running.http.get("/v1/documents").json()
    assert {it["id"] for it in listed["documents"]} == {"before.md", "after.md"}
    assert asyncio.run(counts(redis)) == (0, 0, 0)


async def test_two_workers_end_with_the_last_state_of_each_document(data_dir, redis, variables, qdrant):
    variables |= qdrant
    with worker(data_dir, variables), worker(data_dir, variables):
        for state in range(4):
            for name in ("a.md", "b.md"):
                await put(redis, name, text_of(name, state))
            await asyncio.sleep(0.5)
        await wait_for(redis, is_empty)
    chunks = await stored(data_dir, variables)
    require_each_once(chunks, {"a.md", "b.md"})
    assert {chunk.title for chunk in chunks} == {"State 3 of a.md", "State 3 of b.md"}


async def test_a_worker_that_continues_after_its_lease_overwrites_nothing(data_dir, redis, variables, qdrant):
    variables |= qdrant
    await put(redis, "a.md", text_of("a.md", 1))
    with worker(data_dir, variables) as stopped:
        await wait_for(redis, lambda counted: counted[1] == 1)
        stopped.send_signal(signal.SIGSTOP)
        assert await counts(redis) == (0, 1, 0), "The worker finished before it could be stopped."
        await put(redis, "a.md", text_of("a.md", 2))
        with worker(data_dir, variables):
            await wait_for(redis, is_empty)
            stopped.send_signal(signal.SIGCONT)
            await put(redis, "b.md", text_of("b.md"))
            await wait_for(redis, is_empty)
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while "entry_claim_lost" not in (data_dir / "worker.log").read_text():
                assert time.monotonic() < deadline, (data_dir / "worker.log").read_text()
                await asyncio.sleep(0.2)
    chunks = await stored(data_dir, variables)
    require_each_once(chunks, {"a.md", "b.md"})
    assert {chunk.title for chunk in chunks if chunk.document_id == "a.md"} == {"State 2 of a.md"}
