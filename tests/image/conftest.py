"""Run the end-to-end tests against a container, with documents that the ingest image ingested."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import HANDBOOK
from tests.support.programs import Service
from tests.support.servers.container_engine import HARDENED, docker, folder, serving, volume


@pytest.fixture(scope="session")
def handbook(tmp_path_factory) -> Path:
    documents = tmp_path_factory.mktemp("documents")
    documents.chmod(0o755)
    (documents / "handbook.md").write_text(HANDBOOK)
    return documents


@pytest.fixture(scope="session")
def running(handbook) -> Iterator[Service]:
    with volume() as data:
        mounts = (*folder(handbook), "--volume", f"{data}:/data")
        docker("run", "--rm", *HARDENED, *mounts, "groundwork-ingest", "run", "/documents")
        with serving("groundwork", data, "--env", "RAG_ANSWERING__MAX_TOKENS=64") as (service, _):
            yield service
