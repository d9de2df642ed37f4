"""compose.yaml is valid, and the parts that need no third-party image run together."""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.programs import Service
from tests.support.servers.container_engine import DOCKER, docker, needs_images
from tests.support.servers.prometheus_server import PrometheusServer

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
_DOCUMENT = b"# Faults\n\nError E1234 means that the oil level is too low."


def has_compose() -> bool:
    return subprocess.run([DOCKER, "compose", "version"], capture_output=True, check=False).returncode == 0


pytestmark = [
    needs_images,
    pytest.mark.skipif("TEST_IMAGE" in os.environ and not has_compose(), reason="docker has no compose plugin"),
]


class Project:
    """A Compose project of its own with the parts of compose.yaml that run in tests."""

    def __init__(self, environment: Path) -> None:
        files = ("--file", str(ROOT / "compose.yaml"), "--file", str(HERE / "compose.yaml"))
        self._command = ("compose", *files, "--project-name", "groundwork-test", "--env-file", str(environment))

    def __call__(self, *arguments: str) -> str:
        return docker(*self._command, *arguments)

    def url(self, service: str, port: int) -> str:
        return f"http://{self('port', service, str(port))}"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Iterator[Project]:
    building = shlex.split(os.environ.get("DOCKER_BUILD", ""))
    parts = ("--tag", "groundwork-test-parts", "--file", str(HERE / "parts.Dockerfile"), str(HERE))
    docker("build", *building, *parts)
    environment = tmp_path_factory.mktemp("compose") / "env"
    environment.touch()
    compose = Project(environment)
    try:
        yield compose
    finally:
        compose("down", "--volumes", "--timeout", "60")


@pytest.fixture(scope="module")
def running(project) -> Service:
    key = project("run", "--rm", "--no-deps", "service", "keys", "create", "--role", "writer")
    # `--wait` returns when every container is healthy.
    try:
        project("up", "--detach", "--wait", "service", "ingest", "prometheus")
    except AssertionError as error:
        error.add_note(project("logs", "--tail", "20"))
        raise
    service = Service(None, project.url("service", 8000), ROOT)  # It has no process here.
    service.http.headers["Authorization"] = f"Bearer {key}"
    return service


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(1)


def test_compose_accepts_the_file_without_warnings():
    run = subprocess.run(
        [DOCKER, "compose", "--file", str(ROOT / "compose.yaml"), "--profile", "*", "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_an_upload_passes_redis_and_the_worker_and_is_found(running):
    running.put("faults.md", _DOCUMENT)
    running.wait_for_state("faults.md", "ready", seconds=60)
    assert "oil level is too low" in running.ask("What does error E1234 mean?").json()["answer"]


@pytest.mark.usefixtures("running")
def test_prometheus_scrapes_both_programs_and_its_rules_are_healthy(project):
    prometheus = PrometheusServer(project.url("prometheus", 9090))
    wait_for(lambda: prometheus.targets() == {"groundwork-service": "up", "groundwork-worker": "up"})
    wait_for(lambda: prometheus.query('rag_ingest_documents_total{job="groundwork-worker",result="new"} > 0'))
    assert {rule["name"]: rule.get("lastError") for rule in prometheus.rules() if rule["health"] == "err"} == {}


@pytest.mark.usefixtures("running")
def test_prometheus_finds_a_second_worker(project):
    prometheus = PrometheusServer(project.url("prometheus", 9090))
    project("up", "--detach", "--wait", "--no-recreate", "--scale", "ingest=2", "ingest")
    wait_for(lambda: prometheus.query('count(up{job="groundwork-worker"} == 1) == 2'))


@pytest.mark.usefixtures("running")
def test_service_and_worker_stop_with_exit_code_zero(project):
    project("stop")
    states = project("ps", "--all", "--format", "{{.Service}} {{.ExitCode}}").splitlines()
    assert {state for state in states if state.split()[0] in {"service", "ingest"}} == {"service 0", "ingest 0"}
