"""Locust against the real service. It is installed in its own environment."""

import csv
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from loadtests.stand_in import Delays, open_stand_in
from tests.support.fakes.servers import in_thread, serve
from tests.support.loadtests import answer, event
from tests.support.programs import Service, service
from tests.support.servers.redis_server import free_port
from tests.support.waiting import wait_until

_ROOT = Path(__file__).parents[3]
_LOCUST = _ROOT / ".venv-locust" / "bin" / "locust"
pytestmark = pytest.mark.skipif(not _LOCUST.exists(), reason="locust is not installed: make setup-locust")
_PUMP = "# Pump\n\n## Seals\n\nUse seals of type S-17.\n\n## Oil\n\nUse oil of grade ISO 46.\n"


@pytest.fixture(scope="module")
def documents(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "pump.md").write_text(_PUMP)
    return folder


@pytest.fixture(scope="module")
def running(ingested, documents) -> Iterator[Service]:
    with in_thread(open_stand_in(Delays(ttft=0.05, tpot=0.01, tokens=16))) as model:
        generator = {"RAG_GENERATOR__KIND": "openai", "RAG_GENERATOR__URL": f"{model}/v1"}
        with service(ingested(documents), RAG_GENERATOR__MODEL="stand-in", **generator) as started:
            yield started


def arguments(service_url: str, documents: Path, *more: str) -> list[str]:
    shared = ["--host", service_url, "--questions", str(documents), "--loglevel", "WARNING"]
    return [str(_LOCUST), "-f", "loadtests/locustfile.py", *shared, *more]


def headless(service_url: str, documents: Path, out: Path, *more: str) -> dict[tuple[str, str], dict[str, str]]:
    """Run locust and return the rows of its statistics by (type, name)."""
    run = subprocess.run(
        arguments(
            service_url, documents, "--headless", "--csv", str(out / "it"), "--html", str(out / "it.html"), *more
        ),
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (out / "it_stats.csv").exists(), run.stderr
    with (out / "it_stats.csv").open() as file:
        return {(row["Type"], row["Name"]): row for row in csv.DictReader(file)}


def uploaded_ids(running: Service) -> list[str]:
    return [document_id for document_id in running.documents(q="load-") if document_id.startswith("load-")]


def abandoned_generations(running: Service) -> float:
    counted = re.search(r'rag_generations_total\{outcome="left"\} (\S+)', running.http.get("/metrics").text)
    return float(counted[1])


def test_every_kind_of_user_completes_its_task(running, documents, tmp_path):
    # Each user ends its task after the time is over: on a busy machine an upload is searchable only then.
    flags = ("-u", "11", "-r", "11", "-t", "12s", "--stop-timeout", "180")
    rows = headless(running.url, documents, tmp_path, *flags)
    for row in (("POST", "stream"), ("POST", "leave"), ("POST", "ask"), ("POST", "search"), ("PUT", "ingest")):
        assert int(rows[row]["Request Count"]) > 0, row
        assert int(rows[row]["Failure Count"]) == 0, row
    for metric in ("TTFT", "TPOT", "ITL", "GOOD"):
        assert int(rows[metric, "stream"]["Request Count"]) > 0, metric
    assert int(rows["READY", "ingest"]["Request Count"]) > 0
    # The model needs 0.05 s to its first token and 0.01 s for each of 15 more.
    assert float(rows["TTFT", "stream"]["Median Response Time"]) > 40
    assert float(rows["POST", "stream"]["Median Response Time"]) > float(rows["TTFT", "stream"]["Median Response Time"])
    # The marker comes with the word behind it, because it could begin a range of markers.
    assert int(rows["ITL", "stream"]["Request Count"]) == 14 * int(rows["TTFT", "stream"]["Request Count"])
    assert "TTFT" in (tmp_path / "it.html").read_text()
    wait_until(lambda: uploaded_ids(running) == [], seconds=120)
    # The service noticed the disconnects and stopped those generations.
    wait_until(lambda: abandoned_generations(running) > 0)


@pytest.mark.nightly  # The test of the page runs the same shape.
def test_the_spike_shape_raises_and_lowers_the_number_of_users(running, documents, tmp_path):
    headless(running.url, documents, tmp_path, "--shape", "spike", "-u", "20", "-r", "20", "-t", "30s", "Searcher")
    with (tmp_path / "it_stats_history.csv").open() as file:
        users = [int(row["User Count"]) for row in csv.DictReader(file) if row["Name"] == "Aggregated"]
    assert max(users) == 20
    assert 2 in users[: users.index(20)]
    assert 2 in users[users.index(20) :]


def test_the_collapse_shape_ends_the_test_when_the_objective_is_missed(running, documents, tmp_path):
    # Otherwise it would run for an hour, and the time limit of the subprocess would fail the test.
    collapse = ("--shape", "collapse", "--slo-ttft", "0.001")
    headless(running.url, documents, tmp_path, *collapse, "-u", "10", "-t", "1h", "Reader")


def test_refusals_of_a_full_gate_are_reported_under_their_own_name(ingested, documents, tmp_path):
    with in_thread(open_stand_in(Delays(ttft=1.0, tpot=0.1, tokens=16))) as model:
        limits = {"RAG_GENERATOR__CONCURRENCY": "1", "RAG_ANSWERING__WAITING": "0"}
        generator = {"RAG_GENERATOR__KIND": "openai", "RAG_GENERATOR__URL": f"{model}/v1"}
        with service(
            ingested(documents), RAG_WORKER="none", RAG_GENERATOR__MODEL="stand-in", **generator, **limits
        ) as running:
            headless(running.url, documents, tmp_path, "-u", "5", "-r", "5", "-t", "8s", "Asker")
    with (tmp_path / "it_failures.csv").open() as file:
        errors = [row["Error"] for row in csv.DictReader(file)]
    assert errors
    assert all("429 with Retry-After" in error for error in errors)


def test_a_gateways_page_and_a_cut_stream_are_failed_requests(documents, tmp_path):
    async def gateway(request: web.Request) -> web.StreamResponse:
        if not (await request.json()).get("stream"):
            return web.Response(text="<h1>Please log in</h1>", content_type="text/html")
        response = await answer(request, [(0.0, event("token", text="Half an ans"))])
        request.transport.close()
        return response

    with in_thread(serve("/v1/answers", gateway)) as url:
        rows = headless(url, documents, tmp_path, "-u", "4", "-r", "4", "-t", "6s", "Reader", "Asker")
    for row in (("POST", "stream"), ("POST", "ask")):
        assert int(rows[row]["Failure Count"]) == int(rows[row]["Request Count"]) > 0, row


@contextmanager
def page(service_url: str, documents: Path) -> Iterator[httpx.Client]:
    port = free_port()
    flags = ["--web-host", "127.0.0.1", "--web-port", str(port)]
    process = subprocess.Popen(arguments(service_url, documents, *flags), cwd=_ROOT, env=dict(os.environ))
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                try:
                    client.get("/")
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        process.wait(120)


def test_the_page_starts_a_shape_and_offers_statistics_and_a_report(running, documents):
    with page(running.url, documents) as locust:
        assert "Locust" in locust.get("/").text
        form = {"user_count": 6, "spawn_rate": 6, "host": running.url, "run_time": "60s", "shape": "spike"}
        started = locust.post("/swarm", data=form | {"questions": str(documents)})
        assert started.json()["success"], started.text
        deadline = time.monotonic() + 55
        peak, names = 0, set()
        while time.monotonic() < deadline and not (peak == 6 and "TTFT" in names):
            stats = locust.get("/stats/requests").json()
            peak = max(peak, stats["user_count"])
            names = {row["method"] for row in stats["stats"]}
            time.sleep(0.5)
        assert peak == 6
        assert "TTFT" in names, json.dumps(stats["stats"])[:500]
        locust.get("/stop")
        report = locust.get("/stats/report?download=1")
        assert report.status_code == 200
        assert "TTFT" in report.text
