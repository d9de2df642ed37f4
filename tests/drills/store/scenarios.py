"""What happens to a Qdrant cluster on a bad night, while a worker has a queue and users search."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ingest.backup.backup import back_up
from ingest.backup.restore import restore
from ingest.migration.verify import verify
from ingest.settings import Settings
from rag.errors import GroundworkError, InvalidInput
from rag.inbox.base import InboxStatistics, Upload
from rag.inbox.factory import open_inbox
from rag.settings import FolderInboxSettings, ServerStoreSettings
from rag.store.base import StoreReader
from rag.store.server.backend import ServerBackend
from rag.store.server.collections import Collections
from rag.store.server.connection import open_client
from rag.store.server.store import open_server_store
from rag.types import DocumentId, EmbedderIdentity, Point, Query, RawDocument, Scope
from tests.drills.store.cluster import Cluster
from tests.support.contracts.store import DIMENSION, EMBEDDER, point, put
from tests.support.servers.qdrant_server import drop_collections, to_environment
from tests.support.workers import start_worker

_SCOPE = Scope(tenant="drill")
_SEARCH_SECONDS = 0.1
_LIMIT_SECONDS = 900.0
_POLL_SECONDS = 0.5
_WRITERS = 6
_RESTORED_DOCUMENTS = 200
# In a short run, one question is more than one in a hundred.
_BROKEN_OFF = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The numbers of one scenario with a queue."""

    documents: int
    dead: int
    found: int
    """Documents in the collection when the queue was empty: for a lost node, without that node."""
    questions: int
    failed: int
    longest_failure: float
    """Seconds of the longest time without an answer."""
    seconds_to_copies: float
    """Seconds from the return of the last node until every shard had all of its copies active."""
    differing: int
    """Documents whose copies differ at the end, or that are not whole."""

    def __str__(self) -> str:
        return (
            f"{self.dead} dead letters, {self.found} of {self.documents} documents; {self.failed} of {self.questions} "
            f"questions failed, none for longer than {self.longest_failure:.1f} s; {self.differing} documents differ, "
            f"all copies active after {self.seconds_to_copies:.1f} s"
        )


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


async def lose_a_node(cluster: Cluster, data_dir: Path, *, documents: int) -> Night:
    """Kill a node under a queue, and start it again when the queue is empty."""
    await _enqueue(data_dir, range(documents))
    stream, node = Stream(), len(cluster.nodes) - 1
    async with _worker(cluster.settings, data_dir):
        await _wait_for(data_dir, lambda it: it.queued + it.processing < documents)
        await _require_copies(cluster)
        async with _asked(cluster, stream):
            await cluster.lose(node)
            await _wait_for(data_dir, lambda it: it.queued + it.processing == 0)
            found = await _count_documents(cluster)
            await cluster.bring_back(node)
            seconds = await _wait_for_copies(cluster)
    return await _sum_up(cluster, data_dir, documents, stream, found=found, seconds_to_copies=seconds)


async def restart_all(cluster: Cluster, data_dir: Path, *, documents: int, away: float) -> Night:
    """Restart the nodes one after the other under a queue and a stream of questions.

    A part of the queue comes before each restart, so that every restart meets a queue.
    """
    stream, seconds = Stream(), 0.0
    share = -(-documents // len(cluster.nodes))
    async with _worker(cluster.settings, data_dir), AsyncExitStack() as stack:
        for node in range(len(cluster.nodes)):
            before = (await _wait_for(data_dir, lambda _: True)).queued
            await _enqueue(data_dir, range(node * share, min(documents, (node + 1) * share)))
            await _wait_for(data_dir, lambda it, before=before: it.queued < before + share)  # type: ignore[misc]
            if node == 0:
                await _require_copies(cluster)
                await stack.enter_async_context(_asked(cluster, stream))
            await cluster.lose(node)
            await asyncio.sleep(away)
            await cluster.bring_back(node)
            # As Kubernetes does: a node is ready when its copies are.
            seconds = await _wait_for_copies(cluster)
        await _wait_for(data_dir, lambda it: it.queued + it.processing == 0)
    found = await _count_documents(cluster)
    return await _sum_up(cluster, data_dir, documents, stream, found=found, seconds_to_copies=seconds)


async def rotate_the_key(cluster: Cluster, data_dir: Path, *, documents: int, away: float) -> Night:
    """Let the key become invalid under a queue, and restart the worker with the next key after `away` seconds."""
    await _enqueue(data_dir, range(documents))
    async with _worker(cluster.settings, data_dir):
        await _wait_for(data_dir, lambda it: it.queued + it.processing < documents)
        await cluster.rotate()
        await asyncio.sleep(away)
    async with _worker(cluster.settings, data_dir):
        await _wait_for(data_dir, lambda it: it.queued + it.processing == 0)
    found, seconds = await _count_documents(cluster), await _wait_for_copies(cluster)
    return await _sum_up(cluster, data_dir, documents, Stream(), found=found, seconds_to_copies=seconds)


async def start_writers(cluster: Cluster, *, rounds: int) -> tuple[int, int]:
    """Open six writers at once on a collection that does not exist. Return how many there were, and how many failed."""
    embedder, failed = EmbedderIdentity(model="drill", dimension=8), 0
    for number in range(rounds):
        settings = cluster.settings.model_copy(update={"collection": f"{cluster.settings.collection}-w{number}"})
        cluster.trouble_writers()
        async with AsyncExitStack() as stack:
            opening = [stack.enter_async_context(open_server_store(settings, embedder)) for _ in range(_WRITERS)]
            opened = await asyncio.gather(*opening, return_exceptions=True)
            failed += sum(isinstance(it, BaseException) for it in opened)
        await drop_collections(settings)
    return rounds * _WRITERS, failed


async def restore_often(cluster: Cluster, data_dir: Path, *, times: int) -> int:
    """Restore a backup again and again. Return how many collections had every copy active and answered as before."""
    settings = Settings(data_dir=data_dir, store=cluster.settings)
    async with open_server_store(cluster.settings, EMBEDDER) as store:
        for number in range(_RESTORED_DOCUMENTS):
            await put(store, _SCOPE, [_to_point(number)])
    await back_up(settings, data_dir / "backup", lambda _: None)
    backend, whole = ServerBackend(cluster.settings), 0
    for _ in range(times):
        restored = await restore(settings, data_dir / "backup", lambda _: None, replace=True)
        contents = restored.manifest.contents
        differing = await verify(backend, nodes=cluster.nodes, mend=False, report=lambda _: None, settle_seconds=0)
        whole += (
            not differing.missing_copies
            and not differing.findings
            and contents.documents == _RESTORED_DOCUMENTS
            and restored.same_answers == len(contents.asked)
        )
    return whole


def _to_point(number: int) -> Point:
    """Return a document with a direction of its own, because equal scores may come in any order."""
    name, angles = f"part {number}", np.arange(1, DIMENSION + 1) * (number + 1) * 0.37
    vector = np.cos(angles).astype(np.float32)
    return replace(point(f"{name} weighs {number} grams", document=name), vector=vector / np.linalg.norm(vector))


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
    more = {"RAG_WORKER_ATTEMPTS": "8", "RAG_WORKER_DRAIN_SECONDS": "5"}
    worker = start_worker(data_dir, **to_environment(settings), **more)
    try:
        yield
        assert worker.poll() is None, "the worker stays alive"
    finally:
        worker.terminate()
        await asyncio.to_thread(worker.wait, 120)


async def _enqueue(data_dir: Path, numbers: range) -> None:
    async with open_inbox(FolderInboxSettings(), root=data_dir / "inbox") as inbox:
        for n in numbers:
            body = f"# Part {n}\n\n" + f"Sentence {n} about pumps. " * 40
            name = f"{n}.md"
            document = RawDocument(id=DocumentId(name), uri=name, media_type="text/markdown", body=body.encode())
            await inbox.put(Upload(scope=_SCOPE, document=document))


async def _wait_for(data_dir: Path, is_met: Callable[[InboxStatistics], bool]) -> InboxStatistics:
    async with open_inbox(FolderInboxSettings(), root=data_dir / "inbox") as inbox, asyncio.timeout(_LIMIT_SECONDS):
        while not is_met(statistics := await inbox.statistics()):  # noqa: ASYNC110 - another process works
            await asyncio.sleep(0.1)
        return statistics


async def _require_copies(cluster: Cluster) -> None:
    """Wait until the worker has made the collection; raises `InvalidInput` if a lost node would take data with it."""
    async with open_client(cluster.settings) as client, asyncio.timeout(_LIMIT_SECONDS):
        collections = Collections(client, cluster.settings.collection)
        while not (current := await collections.current()):  # noqa: ASYNC110 - the worker creates it
            await asyncio.sleep(_POLL_SECONDS)
        copies = (await client.get_collection(current)).config.params.replication_factor or 1
    if copies < len(cluster.nodes):
        raise InvalidInput(
            f"A new collection has {copies} copies, but {len(cluster.nodes)} nodes. Start the nodes with the settings "
            "`config.storage.collection` of deploy/k8s/components/qdrant-cluster/values.yaml."
        )


async def _wait_for_copies(cluster: Cluster) -> float:
    """Return after how many seconds every shard has all of its copies active."""
    began = time.monotonic()
    async with asyncio.timeout(_LIMIT_SECONDS):
        while await _lacks_copies(cluster):  # noqa: ASYNC110 - the nodes catch up
            await asyncio.sleep(_POLL_SECONDS)
    return time.monotonic() - began


async def _lacks_copies(cluster: Cluster) -> bool:
    try:
        return bool(await ServerBackend(cluster.settings).find_missing_copies())
    except GroundworkError:
        return True


async def _count_documents(cluster: Cluster) -> int:
    async with ServerBackend(cluster.settings).open_catalogue() as catalogue:
        assert catalogue is not None
        return (await catalogue.survey(since=0)).documents


async def _sum_up(
    cluster: Cluster, data_dir: Path, documents: int, stream: Stream, *, found: int, seconds_to_copies: float
) -> Night:
    differing = await verify(ServerBackend(cluster.settings), nodes=cluster.nodes, mend=False, report=lambda _: None)
    return Night(
        documents=documents,
        dead=(await _wait_for(data_dir, lambda _: True)).dead,
        found=found,
        questions=stream.questions,
        failed=stream.failed,
        longest_failure=stream.longest_failure,
        seconds_to_copies=seconds_to_copies,
        differing=len(differing.findings),
    )


def faults_of(night: Night) -> Sequence[str]:
    """Return the goals that were missed."""
    missed = []
    if night.dead:
        missed.append(f"{night.dead} dead letters")
    if night.found != night.documents:
        missed.append(f"{night.found} of {night.documents} documents")
    if night.differing:
        missed.append(f"{night.differing} documents differ")
    if night.failed > max(_BROKEN_OFF, 0.01 * night.questions) or night.longest_failure > 5:
        missed.append(f"{night.failed} of {night.questions} answers failed, for {night.longest_failure:.1f} s")
    return missed
