"""What happens to a Qdrant cluster on a bad night, while a worker has a queue and users search."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingest.migration.verify import verify
from rag.errors import GroundworkError
from rag.inbox.base import InboxStatistics, Upload
from rag.inbox.factory import open_inbox
from rag.settings import FolderInboxSettings, ServerStoreSettings
from rag.store.base import StoreReader
from rag.store.server.backend import ServerBackend
from rag.store.server.store import open_server_store
from rag.types import DocumentId, EmbedderIdentity, Query, RawDocument, Scope
from tests.drills.store.cluster import Cluster
from tests.support.workers import start_worker

_SCOPE = Scope(tenant="drill")
_SEARCH_SECONDS = 0.1
_LIMIT_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The numbers of one scenario."""

    documents: int
    dead: int
    found: int
    """Documents in the collection at the end."""
    questions: int
    failed: int
    longest_failure: float
    """Seconds of the longest time without an answer."""
    differing: int
    """Documents that `verify` names."""


@dataclass(slots=True)
class Stream:
    """A stream of questions and its failures."""

    questions: int = 0
    failed: int = 0
    longest_failure: float = 0.0

    async def run(self, reader: StoreReader, dimension: int) -> None:
        direction = np.full(dimension, dimension**-0.5, np.float32)
        answered = time.monotonic()
        while True:
            self.questions += 1
            try:
                await reader.search(_SCOPE, Query(text="sentence about pumps", vector=direction), limit=5)
                answered = time.monotonic()
            except GroundworkError:
                self.failed += 1
            self.longest_failure = max(self.longest_failure, time.monotonic() - answered)
            await asyncio.sleep(_SEARCH_SECONDS)


async def lose_a_node(cluster: Cluster, data_dir: Path, *, documents: int, away: float) -> Night:
    """Kill one node under a queue, and start it again after `away` seconds."""
    return await _spend(cluster, data_dir, documents, away=away, nodes=1)


async def restart_all(cluster: Cluster, data_dir: Path, *, documents: int, away: float) -> Night:
    """Restart the nodes one after the other under a queue and a stream of questions."""
    return await _spend(cluster, data_dir, documents, away=away, nodes=max(1, len(cluster.nodes)))


async def rotate_the_key(cluster: Cluster, data_dir: Path, *, documents: int, away: float) -> Night:
    """Let the key become invalid under a queue, and restart the worker with the next key after `away` seconds."""
    await _enqueue(data_dir, documents)
    async with _worker(cluster.settings, data_dir):
        await _wait_for(data_dir, lambda it: it.queued + it.processing < documents)
        await cluster.rotate()
        await asyncio.sleep(away)
    async with _worker(cluster.settings, data_dir):
        await _wait_for(data_dir, lambda it: it.queued + it.processing == 0)
    return await _count(cluster, data_dir, documents, Stream())


async def start_six_writers(cluster: Cluster, *, rounds: int) -> int:
    """Open six writers at once on a collection that does not exist, and return how many fail."""
    embedder, failed = EmbedderIdentity(model="drill", dimension=8), 0
    for _ in range(rounds):
        settings = cluster.settings.model_copy(update={"collection": f"drill-{uuid.uuid4().hex[:8]}"})
        cluster.trouble_writers()
        async with AsyncExitStack() as stack:
            opening = [stack.enter_async_context(open_server_store(settings, embedder)) for _ in range(6)]
            failed += sum(
                isinstance(it, BaseException) for it in await asyncio.gather(*opening, return_exceptions=True)
            )
    return failed


async def _spend(cluster: Cluster, data_dir: Path, documents: int, *, away: float, nodes: int) -> Night:
    await _enqueue(data_dir, documents)
    stream = Stream()
    async with _worker(cluster.settings, data_dir):
        await _wait_for(data_dir, lambda it: it.queued + it.processing < documents)
        async with _asked(cluster, stream):
            for node in range(nodes):
                await cluster.lose(node)
                await asyncio.sleep(away)
                await cluster.bring_back(node)
            await _wait_for(data_dir, lambda it: it.queued + it.processing == 0)
    return await _count(cluster, data_dir, documents, stream)


@asynccontextmanager
async def _asked(cluster: Cluster, stream: Stream) -> AsyncIterator[None]:
    backend = ServerBackend(cluster.settings)
    embedder = await backend.embedder()
    assert embedder is not None
    async with backend.open_reader(embedder) as reader:
        asking = asyncio.create_task(stream.run(reader, embedder.dimension))
        try:
            yield
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


@asynccontextmanager
async def _worker(settings: ServerStoreSettings, data_dir: Path) -> AsyncIterator[None]:
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    worker = start_worker(
        data_dir,
        RAG_STORE__KIND="server",
        RAG_STORE__URL=str(settings.url),
        RAG_STORE__GRPC_PORT=str(settings.grpc_port),
        RAG_STORE__COLLECTION=settings.collection,
        RAG_STORE__TIMEOUT=str(settings.timeout),
        RAG_STORE__NODES=str(settings.nodes),
        **({"RAG_STORE__API_KEY": key} if key else {}),
        RAG_WORKER_ATTEMPTS="8",
        RAG_WORKER_DRAIN_SECONDS="5",
    )
    try:
        yield
        assert worker.poll() is None, "the worker stays alive"
    finally:
        worker.terminate()
        await asyncio.to_thread(worker.wait, 120)


async def _enqueue(data_dir: Path, documents: int) -> None:
    async with open_inbox(FolderInboxSettings(), root=data_dir / "inbox") as inbox:
        for n in range(documents):
            body = f"# Part {n}\n\n" + f"Sentence {n} about pumps. " * 40
            name = f"{n}.md"
            document = RawDocument(id=DocumentId(name), uri=name, media_type="text/markdown", body=body.encode())
            await inbox.put(Upload(scope=_SCOPE, document=document))


async def _wait_for(data_dir: Path, is_met: Callable[[InboxStatistics], bool]) -> InboxStatistics:
    async with open_inbox(FolderInboxSettings(), root=data_dir / "inbox") as inbox, asyncio.timeout(_LIMIT_SECONDS):
        while not is_met(statistics := await inbox.statistics()):  # noqa: ASYNC110 - another process works
            await asyncio.sleep(0.1)
        return statistics


async def _count(cluster: Cluster, data_dir: Path, documents: int, stream: Stream) -> Night:
    dead = (await _wait_for(data_dir, lambda _: True)).dead
    backend = ServerBackend(cluster.settings)
    async with backend.open_catalogue() as catalogue:
        assert catalogue is not None
        found = (await catalogue.survey(since=0)).documents
    differing = await verify(backend, nodes=cluster.nodes, mend=False, report=lambda _: None)
    return Night(
        documents=documents,
        dead=dead,
        found=found,
        questions=stream.questions,
        failed=stream.failed,
        longest_failure=stream.longest_failure,
        differing=len(differing.findings),
    )


def faults_of(night: Night, *, may_fail: bool) -> Sequence[str]:
    """Return the goals that were missed."""
    missed = []
    if night.dead:
        missed.append(f"{night.dead} dead letters")
    if night.found != night.documents:
        missed.append(f"{night.found} of {night.documents} documents")
    if night.differing:
        missed.append(f"{night.differing} documents differ")
    if not may_fail and (night.failed > 0.01 * night.questions or night.longest_failure > 5):
        missed.append(f"{night.failed} of {night.questions} answers failed, for {night.longest_failure:.1f} s")
    return missed
