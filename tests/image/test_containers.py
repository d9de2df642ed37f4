"""The images run as an unprivileged user, write only to /data, stop cleanly and keep their size."""

import json
import time

import httpx
import pytest

from rag import __version__
from tests.support.servers.container_engine import (
    HARDENED,
    container,
    docker,
    inspect,
    needs_images,
    serving,
    volume,
    wait_for,
    wait_until_healthy,
)

pytestmark = needs_images

IMAGES = ["groundwork", "groundwork-service", "groundwork-ingest"]
# Bytes that the Dockerfile adds to its base image, which has 130 MB.
_MAX_BYTES = {
    "groundwork": 2_050_000_000,
    "groundwork-service": 550_000_000,
    "groundwork-ingest": 550_000_000,
}
_BASE = "python:3.11-slim-bookworm"
_QUESTION = "What does error E1234 mean?"
_DOCUMENT = b"# Faults\n\nError E1234 means that the oil level is too low."


def shell(image: str, command: str, *options: str) -> str:
    return docker("run", "--rm", *HARDENED, *options, "--entrypoint", "sh", image, "-c", command)


def test_one_container_ingests_a_document_and_answers_with_a_citation():
    with volume() as data, serving("groundwork", data) as (service, started):
        service.put("faults.md", _DOCUMENT)
        service.wait_for_state("faults.md", "ready", seconds=60)
        answer = service.ask(_QUESTION).json()
        assert "oil level is too low" in answer["answer"]
        assert answer["citations"][0]["document_id"] == "faults.md"
        wait_until_healthy(started)
        seconds, code = started.stop()
        assert code == 0, started.read_text()
        assert seconds < 15


def test_the_lean_images_ingest_and_answer_together():
    with volume() as data, serving("groundwork-service", data) as (service, started):
        service.put("faults.md", _DOCUMENT)
        with container("groundwork-ingest", options=("--volume", f"{data}:/data")):
            service.wait_for_state("faults.md", "ready", seconds=60)
        assert "oil level is too low" in service.ask(_QUESTION).json()["answer"]
        refused = service.ask(_QUESTION, mode="generate")
        assert refused.status_code == 400
        assert "no language model" in refused.json()["detail"]
        lines = [json.loads(line) for line in started.read_text().splitlines()]
        [ready] = [line for line in lines if line["event"] == "service_ready"]
        assert (ready["model"], ready["worker"]) == ("none", "none")


def test_stopping_the_service_does_not_cut_an_open_stream():
    with volume() as data, serving("groundwork", data) as (service, started):
        service.put("faults.md", _DOCUMENT)
        service.wait_for_state("faults.md", "ready", seconds=60)
        stream = service.stream(_QUESTION, mode="generate")
        kinds = [next(stream)[1]]
        docker("kill", "--signal", "TERM", started.name)
        kinds += [event for _, event, _ in stream]
        assert kinds[-1] == "done"
        assert docker("wait", started.name) == "0"


def test_documents_survive_the_container():
    with volume() as data:
        with serving("groundwork", data) as (service, started):
            service.put("faults.md", _DOCUMENT)
            service.wait_for_state("faults.md", "ready", seconds=60)
            started.stop()
        with serving("groundwork-service", data) as (service, _):
            assert "oil" in service.ask(_QUESTION).json()["answer"]


@pytest.mark.parametrize(("image", "arguments"), [("groundwork-service", ()), ("groundwork-ingest", ("worker",))])
def test_a_process_stops_on_sigterm_during_its_start(image, arguments):
    options = ("--env", "RAG_HOST=127.0.0.1", "--tmpfs", "/data:uid=10001")
    with container(image, *arguments, options=options) as started:
        # Python has started after a second, and the models are not loaded yet.
        time.sleep(1)
        seconds, code = started.stop()
        assert seconds < 15
        assert code in {0, 143}, started.read_text()


def test_without_a_key_the_service_prints_how_to_create_one():
    with container("groundwork-service") as started:
        assert docker("wait", started.name) == "1"
        assert "keys create" in started.read_text()


@pytest.mark.parametrize(
    ("image", "arguments"), [("groundwork-service", ("keys", "create")), ("groundwork-ingest", ())]
)
def test_an_unwritable_data_folder_gives_an_error_with_a_fix(image, arguments, tmp_path):
    # A mounted folder that belongs to root, and no mount at all.
    for mount in (("--volume", f"{tmp_path}:/data"), ()):
        with container(image, *arguments, options=mount) as started:
            assert docker("wait", started.name) == "1"
            assert "mount a volume" in started.read_text()
            assert "Traceback" not in started.read_text()


def test_the_metrics_of_the_worker_are_reachable_from_outside_its_container():
    with volume() as data:
        options = ("--volume", f"{data}:/data", "--publish", "127.0.0.1::8001")
        with container("groundwork-ingest", options=options) as started:
            wait_for(f"{started.url(8001)}/livez", started)
            assert "rag_ingest_queue_depth" in httpx.get(f"{started.url(8001)}/metrics").text
            wait_until_healthy(started)
            seconds, code = started.stop()
            assert (code, seconds < 15) == (0, True)


@pytest.mark.parametrize("image", IMAGES)
def test_the_user_is_unprivileged_and_owns_only_the_data_folder(image):
    assert inspect(image)["Config"]["User"] == "10001:10001"
    assert shell(image, "id -u; id -g").split() == ["10001", "10001"]
    owned = shell(image, "find / -xdev -user 10001 -not -path '/proc/*' 2>/dev/null; true")
    assert owned == "/data"


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_contains_no_build_tools(image):
    assert shell(image, "for it in gcc cc g++ ld make git curl wget; do command -v $it; done; true") == ""
    assert shell(image, "ls -d /opt/venv/lib/python3*/site-packages/torch/include 2>/dev/null; true") == ""


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_contains_no_cuda_by_default(image):
    packages = shell(image, "ls /opt/venv/lib/python3*/site-packages")
    assert "nvidia" not in packages
    assert ("torch\n" in packages) == (image == "groundwork")


@pytest.mark.parametrize("image", IMAGES)
def test_the_size_is_within_its_limit(image):
    added = inspect(image)["Size"] - inspect(_BASE)["Size"]
    assert added <= _MAX_BYTES[image], f"{added / 1e6:.0f} MB over the base"


@pytest.mark.parametrize("image", IMAGES)
def test_weights_models_packages_and_code_have_separate_layers(image):
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    copied = [line.split()[1] for line in history.splitlines() if line.startswith("COPY")]
    assert copied == ["/app", "/opt/venv", "/opt/models", "/opt/weights"]


@pytest.mark.parametrize("image", IMAGES)
def test_the_labels_give_version_licence_and_revision(image):
    labels = inspect(image)["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert len(labels["org.opencontainers.image.revision"]) == 40


def test_a_model_that_needs_torch_is_rejected_with_a_fix():
    output = docker(
        *("run", "--rm", *HARDENED, "--tmpfs", "/data:uid=10001"),
        *("--env", "RAG_HOST=127.0.0.1", "--env", "RAG_EMBEDDER__RUNTIME=torch"),
        *("--entrypoint", "sh", "groundwork-service", "-c", "python -m service 2>&1"),
        check=False,
    )
    assert "Use the image groundwork" in output
    assert "Traceback" not in output
