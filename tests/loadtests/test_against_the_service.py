"""The commands as a person gives them, over the real service."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_what_cannot_start_is_said_in_a_sentence(tmp_path):
    run = loadtests("run", "--limits", str(tmp_path / "none.toml"), out=tmp_path)
    assert run.returncode == 2
    assert "none.toml" in run.stderr
    assert "Traceback" not in run.stderr
