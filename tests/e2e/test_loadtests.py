"""The commands as a person gives them, over the real service."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.knee import OVERLOAD_FACTOR
from loadtests.stand_in import Delays, open_stand_in
from tests.support.fakes.servers import in_thread
from tests.support.programs import ingest, service

_ROOT = Path(__file__).parents[2]


def loadtests(*arguments: str, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtests", *arguments, "--out", str(out)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory, onnx_models) -> Path:
    """A folder of reports whose embedder is exported already."""
    folder = tmp_path_factory.mktemp("load")
    (folder / "data").mkdir()
    (folder / "data" / "models").symlink_to(onnx_models)
    return folder


@pytest.fixture(scope="module")
def documents(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "pump.md").write_text(
        "# Pump\n\n## Seals\n\nUse seals of type S-17.\n\n## Oil\n\nUse oil of grade ISO 46.\n"
    )
    return folder


def test_a_run_over_the_real_service_says_what_it_measured(out, documents):
    flags = ("--rate", "3", "--seconds", "6", "--ttft", "0.1", "--tpot", "0.01", "--tokens", "16")
    run = loadtests("run", *flags, "--documents", str(documents), out=out)
    assert run.returncode in {0, 1}, run.stderr  # A busy machine may miss a threshold; it must say which.
    report = json.loads((out / "report.json").read_text())
    figures = report["figures"]
    assert (figures["refused"], figures["failed"], figures["unsent"]) == (0, 0, 0)
    assert figures["answered"] == figures["requests"] > 5
    # The model's first token takes about 0.1 s, and 15 more 0.15 s: nothing can be quicker.
    assert figures["ttft"]["p50"] > 0.07
    assert figures["latency"]["p50"] > 0.2
    assert figures["itl"]["count"] == 15 * figures["answered"]
    assert report["service"]["capacity"]["generator"] == 128
    assert set(report["service"]["cores"]) == {"service", "stand-in", "client"}
    assert report["missed"] or report["invalid_because"] or run.returncode == 0
    for definition in ("intended start", "open: requests are sent", "Little's law"):
        assert definition in run.stdout
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "http://www.w3.org" in page
    assert "src=" not in page  # Nothing is fetched from elsewhere.


def test_a_missed_threshold_fails(out, documents, tmp_path):
    limits = tmp_path / "limits.toml"
    limits.write_text("[objectives]\nttft = 2\ntpot = 0.1\nlatency = 10\n[thresholds]\nttft_p95 = 0.001\n")
    flags = ("--rate", "3", "--seconds", "3", "--ttft", "0.05", "--tpot", "0.01", "--tokens", "4")
    run = loadtests("run", *flags, "--documents", str(documents), "--limits", str(limits), out=out)
    assert run.returncode == 1
    assert "MISSED: ttft_p95 is" in run.stdout


@pytest.mark.parametrize("emptied", [False, True])
def test_staging_that_has_lost_its_documents_does_not_pass(emptied, data_dir, tmp_path):
    """As delivery.yml asks, over the documents that the questions as shipped are about."""
    if not emptied:
        assert ingest("run", "README.md", "docs/adr", data_dir=data_dir).returncode == 0
    with in_thread(open_stand_in(Delays(ttft=0.1, tpot=0.01, sigma=0, tokens=8))) as model:
        generator = {"RAG_GENERATOR__KIND": "openai", "RAG_GENERATOR__URL": f"{model}/v1"}
        with service(data_dir, RAG_GENERATOR__MODEL="stand-in", RAG_WORKER="none", **generator) as running:
            asked = ("--questions", "deploy/k8s/components/analysis/questions.txt", "--limits", "deploy/staging.toml")
            run = loadtests("run", "--url", running.url, *asked, "--rate", "4", "--seconds", "4", out=tmp_path)
    figures = json.loads((tmp_path / "report.json").read_text())["figures"]
    assert (figures["failed"], figures["declined_share"]) == (0, float(emptied)), run.stdout
    assert ("MISSED: declined_share is 1, the threshold is 0.2" in run.stdout) is emptied
    assert run.returncode == 1 or not emptied


def test_what_cannot_start_is_said_in_a_sentence(tmp_path):
    run = loadtests("run", "--limits", str(tmp_path / "none.toml"), out=tmp_path)
    assert run.returncode == 2
    assert "none.toml" in run.stderr
    assert "Traceback" not in run.stderr


def test_beyond_the_knee_the_rest_is_refused_and_what_is_taken_is_not_slower(data_dir, documents, tmp_path):
    """Two answers at once and two that wait: whatever else the machine does, no more fit."""
    limits = tmp_path / "limits.toml"
    # Nothing is too slow for these, on a busy machine either: refusals alone make the knee.
    limits.write_text("[objectives]\nttft = 8\ntpot = 2\nlatency = 20\n[thresholds]\n")
    assert ingest("run", str(documents), data_dir=data_dir).returncode == 0
    places = {"RAG_GENERATOR__CONCURRENCY": "2", "RAG_ANSWERING__WAITING": "2", "RAG_WORKER": "none"}
    with in_thread(open_stand_in(Delays(ttft=0.1, tpot=0.015, sigma=0, tokens=11))) as model:
        generator = {"RAG_GENERATOR__KIND": "openai", "RAG_GENERATOR__URL": f"{model}/v1"}
        with service(data_dir, RAG_GENERATOR__MODEL="stand-in", **generator, **places) as running:
            target = ("--url", running.url, "--questions", str(documents), "--limits", str(limits))
            run = loadtests("knee", *target, "--start", "1", "--most", "40", "--seconds", "3", out=tmp_path)
    found = json.loads((tmp_path / "knee.json").read_text())
    # Two answers at once, a quarter of a second each: 8 a second cannot be passed.
    assert 0 < found["knee"] <= 8, run.stdout
    assert found["faults"] == [], run.stdout
    # On a busy machine the client may be late, and then it has to say so.
    assert run.returncode == (0 if found["valid"] else 1)
    beyond = found["beyond"]
    # Where the machine stood still during a step, the knee is lower than it is, and four times that may fit.
    if OVERLOAD_FACTOR * found["knee"] * 3 > 8 * 3 + 4:
        assert beyond["figures"]["refused"] > 0
    assert beyond["figures"]["refused_without_retry_after"] == 0
    assert beyond["service"]["deepest"]["generator"] <= beyond["service"]["capacity"]["generator"] == 4
    # Whoever is taken waits for at most two others; if all were taken, half of them would wait for more than this.
    assert beyond["figures"]["latency"]["p50"] < 3
    assert (tmp_path / "knee.html").read_text().count("<svg") == 4
