"""The commands of the load tests, as an operator runs them, over the real service."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.knee import OVERLOAD_FACTOR
from loadtests.stand_in import Delays, open_stand_in
from tests.support.fakes.servers import in_thread
from tests.support.programs import ingest, service

_ROOT = Path(__file__).parents[3]


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
    """Return a folder for reports, with an embedder that is already exported."""
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


def test_a_run_over_the_real_service_reports_its_measurements_and_a_missed_threshold(out, documents, tmp_path):
    limits = tmp_path / "limits.toml"
    limits.write_text("[objectives]\nttft = 2\ntpot = 0.1\nlatency = 10\n[thresholds]\nttft_p95 = 0.001\n")
    flags = ("--rate", "3", "--seconds", "6", "--ttft", "0.1", "--tpot", "0.01", "--tokens", "16")
    run = loadtests("run", *flags, "--documents", str(documents), "--limits", str(limits), out=out)
    assert run.returncode == 1, run.stderr
    assert "MISSED: ttft_p95 is" in run.stdout
    report = json.loads((out / "report.json").read_text())
    figures = report["figures"]
    assert (figures["overloaded"], figures["failed"], figures["unsent"]) == (0, 0, 0)
    assert figures["answered"] == figures["requests"] > 5
    # The model needs about 0.1 s to the first token and 0.15 s for 15 more, so no answer can be faster.
    assert figures["ttft"]["p50"] > 0.07
    assert figures["latency"]["p50"] > 0.2
    # 16 tokens are 15 pieces: the marker comes with the word behind it, because it could begin a range of markers.
    assert figures["itl"]["count"] == 14 * figures["answered"]
    assert report["service"]["capacity"]["generator"] == 128
    assert set(report["service"]["cores"]) == {"service", "stand-in", "client"}
    assert len(report["missed"]) == 1
    for definition in ("intended start", "open: requests are sent", "Little's law"):
        assert definition in run.stdout
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "http://www.w3.org" in page
    assert "src=" not in page  # The page loads nothing from other hosts.


# Ingesting the documents takes half a minute. Without them the run must fail, which is what the threshold is for.
@pytest.mark.parametrize("is_empty", [pytest.param(False, marks=pytest.mark.nightly), True])
def test_a_service_that_lost_its_documents_does_not_pass(is_empty, data_dir, tmp_path):
    """The call of delivery.yml, over the documents that its questions are about."""
    if not is_empty:
        assert ingest("run", "README.md", "docs/adr", data_dir=data_dir).returncode == 0
    with in_thread(open_stand_in(Delays(ttft=0.1, tpot=0.01, sigma=0, tokens=8))) as model:
        generator = {"RAG_GENERATOR__KIND": "openai", "RAG_GENERATOR__URL": f"{model}/v1"}
        with service(data_dir, RAG_GENERATOR__MODEL="stand-in", RAG_WORKER="none", **generator) as running:
            questions = (
                "--questions",
                "deploy/k8s/components/analysis/questions.txt",
                "--limits",
                "deploy/staging.toml",
            )
            run = loadtests("run", "--url", running.url, *questions, "--rate", "4", "--seconds", "4", out=tmp_path)
    figures = json.loads((tmp_path / "report.json").read_text())["figures"]
    assert (figures["failed"], figures["declined_share"]) == (0, float(is_empty)), run.stdout
    assert ("MISSED: declined_share is 1, the threshold is 0.2" in run.stdout) is is_empty
    assert run.returncode == 1 or not is_empty


def test_a_missing_limits_file_is_reported_without_a_traceback(tmp_path):
    run = loadtests("run", "--limits", str(tmp_path / "none.toml"), out=tmp_path)
    assert run.returncode == 2
    assert "none.toml" in run.stderr
    assert "Traceback" not in run.stderr


def test_under_overload_excess_requests_get_429_and_at_most_two_wait(ingested, documents, tmp_path):
    """Two requests run and two wait, so the capacity does not depend on other work of the machine."""
    limits = tmp_path / "limits.toml"
    # Even a busy machine meets these objectives, so only overload determines the knee.
    limits.write_text("[objectives]\nttft = 8\ntpot = 2\nlatency = 20\n[thresholds]\n")
    limits_of_service = {"RAG_GENERATOR__CONCURRENCY": "2", "RAG_ANSWERING__WAITING": "2", "RAG_WORKER": "none"}
    with in_thread(open_stand_in(Delays(ttft=0.1, tpot=0.015, sigma=0, tokens=11))) as model:
        generator = {"RAG_GENERATOR__KIND": "openai", "RAG_GENERATOR__URL": f"{model}/v1"}
        with service(ingested(documents), RAG_GENERATOR__MODEL="stand-in", **generator, **limits_of_service) as running:
            target = ("--url", running.url, "--questions", str(documents), "--limits", str(limits))
            run = loadtests("knee", *target, "--start", "2", "--most", "40", "--seconds", "3", out=tmp_path)
    report = json.loads((tmp_path / "knee.json").read_text())
    # Two answers at once take a quarter of a second each, so the capacity is 8 per second.
    assert 0 < report["knee"] <= 8, run.stdout
    assert report["faults"] == [], run.stdout
    # On a busy machine the client may be late. The report must then be invalid.
    assert run.returncode == (0 if report["valid"] else 1)
    overload = report["beyond"]
    # After a stall of the machine the measured knee is too low, and four times its rate may still fit.
    if OVERLOAD_FACTOR * report["knee"] * 3 > 8 * 3 + 4:
        assert overload["figures"]["overloaded"] > 0
    assert overload["figures"]["overloaded_without_retry_after"] == 0
    # An admitted request waits for at most two others, so it stays fast. Its time depends on the machine.
    assert overload["service"]["deepest"]["generator"] <= overload["service"]["capacity"]["generator"] == 4
    assert (tmp_path / "knee.html").read_text().count("<svg") == 4
