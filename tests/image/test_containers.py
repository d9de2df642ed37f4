"""What the images promise whoever runs them: who they are, what they may write, how they end, what they weigh."""

import time

import httpx
import pytest

from rag import __version__
from tests.support.container_engine import (
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
# Bytes that the Dockerfile adds to its base; the official base has 130 MB.
_MOST_BYTES = {
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
        assert refused.status_code == 503
        assert "no language model" in refused.json()["detail"]
        assert "no language model" in started.read_text()
        assert "no worker" in started.read_text()


def test_a_stream_that_runs_when_the_service_is_stopped_is_not_cut():
    with volume() as data, serving("groundwork", data) as (service, started):
        service.put("faults.md", _DOCUMENT)
        service.wait_for_state("faults.md", "ready", seconds=60)
        stream = service.stream(_QUESTION, mode="generate")
        kinds = [next(stream)[1]]
        docker("kill", "--signal", "TERM", started.name)
        kinds += [event for _, event, _ in stream]
        assert kinds[-1] == "done"
        assert docker("wait", started.name) == "0"


def test_ingested_documents_outlive_the_container():
    with volume() as data:
        with serving("groundwork", data) as (service, started):
            service.put("faults.md", _DOCUMENT)
            service.wait_for_state("faults.md", "ready", seconds=60)
            started.stop()
        with serving("groundwork-service", data) as (service, _):
            assert "oil" in service.ask(_QUESTION).json()["answer"]


@pytest.mark.parametrize(("image", "arguments"), [("groundwork-service", ()), ("groundwork-ingest", ("worker",))])
def test_a_process_that_is_still_starting_ends_on_sigterm_too(image, arguments):
    options = ("--env", "RAG_HOST=127.0.0.1", "--tmpfs", "/data:uid=10001")
    with container(image, *arguments, options=options) as started:
        # Later than Python needs to begin, and earlier than the models are there.
        time.sleep(1)
        seconds, code = started.stop()
        assert seconds < 15
        assert code in {0, 143}, started.read_text()


def test_without_a_key_the_service_says_how_to_make_one():
    with container("groundwork-service") as started:
        assert docker("wait", started.name) == "1"
        assert "keys create" in started.read_text()


@pytest.mark.parametrize(
    ("image", "arguments"), [("groundwork-service", ("keys", "create")), ("groundwork-ingest", ())]
)
def test_a_folder_that_may_not_be_written_is_named_with_what_to_do(image, arguments, tmp_path):
    # As it is where somebody mounts a folder that root has made, and where nothing is mounted at all.
    for mount in (("--volume", f"{tmp_path}:/data"), ()):
        with container(image, *arguments, options=mount) as started:
            assert docker("wait", started.name) == "1"
            assert "mount a volume" in started.read_text()
            assert "Traceback" not in started.read_text()


def test_the_worker_shows_its_metrics_outside_of_its_container():
    with volume() as data:
        options = ("--volume", f"{data}:/data", "--publish", "127.0.0.1::8001")
        with container("groundwork-ingest", options=options) as started:
            wait_for(f"{started.url(8001)}/livez", started)
            assert "rag_ingest_queue_depth" in httpx.get(f"{started.url(8001)}/metrics").text
            wait_until_healthy(started)
            seconds, code = started.stop()
            assert (code, seconds < 15) == (0, True)


@pytest.mark.parametrize("image", IMAGES)
def test_the_user_is_nobody_special_and_owns_nothing_but_data(image):
    assert inspect(image)["Config"]["User"] == "10001:10001"
    assert shell(image, "id -u; id -g").split() == ["10001", "10001"]
    owned = shell(image, "find / -xdev -user 10001 -not -path '/proc/*' 2>/dev/null; true")
    assert owned == "/data"


@pytest.mark.parametrize("image", IMAGES)
def test_what_builds_is_left_behind(image):
    assert shell(image, "for it in gcc cc g++ ld make git curl wget; do command -v $it; done; true") == ""
    assert shell(image, "ls -d /opt/venv/lib/python3*/site-packages/torch/include 2>/dev/null; true") == ""


@pytest.mark.parametrize("image", IMAGES)
def test_there_is_no_cuda_unless_asked_for(image):
    packages = shell(image, "ls /opt/venv/lib/python3*/site-packages")
    assert "nvidia" not in packages
    assert ("torch\n" in packages) == (image == "groundwork")


@pytest.mark.parametrize("image", IMAGES)
def test_the_size_is_as_promised(image):
    added = inspect(image)["Size"] - inspect(_BASE)["Size"]
    assert added <= _MOST_BYTES[image], f"{added / 1e6:.0f} MB over the base"


@pytest.mark.parametrize("image", IMAGES)
def test_weights_models_packages_and_code_have_a_layer_each(image):
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    copied = [line.split()[1] for line in history.splitlines() if line.startswith("COPY")]
    assert copied == ["/app", "/opt/venv", "/opt/models", "/opt/weights"]


@pytest.mark.parametrize("image", IMAGES)
def test_the_labels_say_what_it_is(image):
    labels = inspect(image)["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert len(labels["org.opencontainers.image.revision"]) == 40


def test_without_torch_a_model_that_needs_it_is_refused_with_a_way_out():
    said = docker(
        *("run", "--rm", *HARDENED, "--tmpfs", "/data:uid=10001"),
        *("--env", "RAG_HOST=127.0.0.1", "--env", "RAG_EMBEDDER__RUNTIME=torch"),
        *("--entrypoint", "sh", "groundwork-service", "-c", "python -m service 2>&1"),
        check=False,
    )
    assert "Use the image groundwork" in said
    assert "Traceback" not in said
