"""schemathesis compares the OpenAPI document with the running service, with valid requests and invalid ones."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.auth.keys import Keys
from service.settings import Settings
from tests.support.programs import Service, service

_CONFIG = Path(__file__).with_name("schemathesis.toml")
# The night adds 1,500 requests with each limit of each field. All take 15 s on two idle cores.
_BY_DAY = ("--phases", "examples,fuzzing,stateful", "--max-examples", "8")
_SECONDS = 300


@pytest.fixture(scope="module")
def described(ingested, handbook) -> Iterator[Service]:
    data_dir = ingested(handbook)
    key = Keys(Settings(data_dir=data_dir).keys_file).create(tenant="default", role="writer")
    # A worker would ingest what is uploaded here, and a model would make each answer slow.
    with service(data_dir, RAG_WORKER="none", RAG_GENERATOR__KIND="none") as running:
        running.http.headers["Authorization"] = f"Bearer {key}"
        yield running


@pytest.mark.parametrize(
    "options", [pytest.param(_BY_DAY, id="by day"), pytest.param((), id="by night", marks=pytest.mark.nightly)]
)
def test_schemathesis_finds_no_difference(described, tmp_path, options):
    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFIG)),
            *("run", f"{described.url}/openapi.json"),
            *("--header", f"Authorization: {described.http.headers['Authorization']}"),
            *options,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr
    assert "No issues found" in run.stdout
    assert '"defect"' not in described.log.read_text()
