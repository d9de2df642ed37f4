"""The metrics of a real worker while it ingests documents."""

import asyncio
import subprocess
import sys
import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rag.inbox.base import Removal, Upload
from rag.inbox.folder.inbox import FolderInbox
from rag.types import DocumentId, RawDocument, Scope
from tests.support.programs import environment
from tests.support.servers.prometheus_server import metric_problems, needs_promtool
from tests.support.servers.redis_server import free_port
from tests.support.waiting import wait_until

SCOPE = Scope(tenant="default")
PAGE = "# Pumps\n\n## One\n\nThe first part is about pumps.\n\n## Two\n\nThe second part is about {topic}."


class Worker:
    """A running worker with its inbox and its probes."""

    def __init__(self, data_dir, port: int) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self._inbox = FolderInbox(data_dir / "inbox")

    def take(self, *jobs: Upload | Removal) -> None:
        """Enqueue the jobs and wait until the inbox is empty."""
        for job in jobs:
            asyncio.run(self._inbox.put(job))
        wait_until(self._is_idle)

    def is_alive(self) -> bool:
        try:
            return self.http.get("/livez").status_code == 200
        except httpx.TransportError:
            return False

    def samples(self) -> dict[str, float]:
        """Return the samples by `name{label="value"}`."""
        found = {}
        for family in text_string_to_metric_families(self.http.get("/metrics").text):
            for sample in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return found

    def _is_idle(self) -> bool:
        found = asyncio.run(self._inbox.statistics())
        return found.queued + found.processing == 0


def document(name: str, text: str) -> Upload:
    document = RawDocument(id=DocumentId(name), uri=name, media_type="text/markdown", body=text.encode())
    return Upload(scope=SCOPE, document=document)


@pytest.fixture(scope="module")
def worker(tmp_path_factory, onnx_models):
    data_dir, port = tmp_path_factory.mktemp("data"), free_port()
    (data_dir / "models").symlink_to(onnx_models)
    process = subprocess.Popen(
        [sys.executable, "-m", "ingest", "worker"],
        env=environment(data_dir, RAG_WORKER_PORT=str(port), RAG_PARSING__PROCESSES="1"),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    running = Worker(data_dir, port)
    try:
        wait_until(running.is_alive, seconds=180)
        yield running
    finally:
        process.terminate()
        assert process.wait(60) == 0


def test_every_metric_counts_the_work(worker):
    began = time.time()
    fresh = worker.samples()
    assert fresh['rag_ingest_documents_total{result="new"}'] == 0
    assert fresh['rag_ingest_dead_letters_total{fault="document"}'] == 0
    worker.take(document("a", PAGE.format(topic="valves")), document("b", "# B\n\nAnother one."))
    worker.take(document("a", PAGE.format(topic="seals")), document("b", "# B\n\nAnother one."))
    worker.take(document("empty", ""), Removal(scope=SCOPE, document_id=DocumentId("b")))
    found = worker.samples()
    results = {"new": 2, "changed": 1, "unchanged": 1, "empty": 1, "rejected": 0, "removed": 1}
    assert {result: found[f'rag_ingest_documents_total{{result="{result}"}}'] for result in results} == results
    # One passage of the changed document is unchanged.
    assert found['rag_ingest_chunks_total{vector="embedded"}'] == 4
    assert found['rag_ingest_chunks_total{vector="kept"}'] == 1
    for stage in ("fetch", "parse", "embed", "upsert", "publish"):
        assert found[f'rag_ingest_stage_duration_seconds_count{{stage="{stage}"}}'] > 0
    for stage in ("fetch", "embed", "upsert", "publish", "entry"):
        assert found[f'rag_ingest_retries_total{{stage="{stage}"}}'] == 0
    # The fifth text is the word that warms up the model.
    assert found["rag_embed_batch_size_sum"] == 5
    assert found["rag_embed_batch_tokens_sum"] > 4
    assert found['rag_ingest_dead_letters_total{fault="document"}'] == 0
    depths = {"queued": 0, "processing": 0, "dead": 0}
    assert {state: found[f'rag_ingest_queue_depth{{state="{state}"}}'] for state in depths} == depths
    assert found["rag_ingest_queue_lag_seconds"] == 0
    assert found["rag_ingest_inflight_documents"] == 0
    # Unchanged and rejected documents do not count for freshness.
    assert found["rag_ingest_freshness_seconds_count"] == 4
    for phase in ("queue", "tokenize", "inference"):
        assert found[f'rag_embed_duration_seconds_count{{phase="{phase}"}}'] > 0
    assert found["rag_event_loop_lag_seconds_count"] > 0
    assert found["process_resident_memory_bytes"] > 0
    assert began < found["rag_ingest_last_success_timestamp_seconds"] <= time.time()


@needs_promtool
def test_promtool_accepts_the_metrics(worker):
    assert metric_problems(worker.http.get("/metrics").text) == []
