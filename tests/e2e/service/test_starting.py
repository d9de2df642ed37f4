"""Errors at the start of the service, and what it checks before it serves."""

import signal
import socket
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from rag.embedding.weights import PACKAGED_MODEL
from service.auth.keys import Keys
from service.settings import Settings
from tests.support.programs import environment, failed_start, ingest, service
from tests.support.waiting import wait_until


def test_a_port_in_use_is_an_error_that_says_what_to_do(data_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = failed_start(data_dir, "--port", str(taken.getsockname()[1]))
    assert "is in use" in said
    assert "--port" in said
    assert "Traceback" not in said


def test_the_check_reports_a_port_in_use_and_starts_nothing(data_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"Port {port} is in use" in failed_start(data_dir, "--check", "--port", port)
    command = [sys.executable, "-m", "service", "--check", "--port", "0"]
    checked = subprocess.run(command, env=environment(data_dir), capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    assert [path.name for path in data_dir.iterdir()] == ["models"]


def test_the_first_line_says_where_the_service_answers_and_what_is_in_force(running):
    (ready,) = running.wait_for_lines(event="service_ready")
    assert httpx.get(f"{ready['url']}/livez", timeout=60).status_code == 200
    assert (ready["documents"], ready["mode"], ready["worker"], ready["keys"]) == (1, "quote", "child", "none")
    assert "SmolLM2-135M-Instruct" in ready["model"]
    assert ready["embedder"] == f"{PACKAGED_MODEL} (local)"
    assert ready["store"].endswith("store (edge)")
    assert ready["inbox"].endswith("inbox (folder)")


def test_a_key_of_the_environment_is_announced_but_neither_used_nor_shown(data_dir):
    with service(data_dir, OPENAI_API_KEY="sk-live-1234abcd") as running:
        wait_until(lambda: "models_found" in running.log.read_text(), seconds=60, describe=running.log.read_text)
        log = running.log.read_text()
    assert "RAG_GENERATOR__API_KEY=${OPENAI_API_KEY}" in log
    assert "sk-live" not in log


def test_a_configured_generator_ends_the_search_for_models(data_dir):
    with service(data_dir, OPENAI_API_KEY="sk-live-1234abcd", RAG_GENERATOR__KIND="none") as running:
        # The search would end before the worker that the service starts is found.
        running.put("page.md", b"# Page\n\nText.")
        running.wait_for_state("page.md", "ready")
        assert "models_found" not in running.log.read_text()


def test_listening_beyond_loopback_without_keys_is_refused(data_dir):
    said = failed_start(data_dir, "--host", "0.0.0.0", "--port", "0")
    assert "keys create" in said
    assert "Traceback" not in said


def test_a_collection_of_another_embedder_is_refused(ingested, handbook):
    data_dir = ingested(handbook)
    embedder = data_dir / "store" / "revisions" / "1" / "collection.json"
    embedder.write_text(embedder.read_text().replace(PACKAGED_MODEL, "another-model"))
    said = failed_start(data_dir, "--port", "0")
    assert "another-model" in said
    assert "Traceback" not in said


def test_a_missing_model_is_an_error_that_names_it(data_dir):
    said = failed_start(data_dir, "--port", "0", RAG_GENERATOR__MODEL="/no/such/model.gguf")
    assert "/no/such/model.gguf" in said
    assert "Traceback" not in said


def test_keys_separate_tenants_and_roles(data_dir, handbook):
    keys = Keys(Settings(data_dir=data_dir).keys_file)
    acme, globex = keys.create(tenant="acme", role="writer"), keys.create(tenant="globex", role="reader")
    assert ingest("run", str(handbook), "--tenant", "acme", data_dir=data_dir).returncode == 0
    with service(data_dir) as running:
        assert running.ask("What does error E1234 mean?").status_code == 401
        assert running.http.get("/livez").status_code == 200

        running.http.headers["Authorization"] = f"Bearer {globex}"
        declined = running.ask("What does error E1234 mean?").json()
        assert (declined["declined"], declined["answer"][:27]) == (True, "There are no documents yet.")
        assert running.http.get("/v1/documents").json()["documents"] == []
        assert running.put("mine.md", b"# Mine").status_code == 403

        running.http.headers["Authorization"] = f"Bearer {acme}"
        assert "oil" in running.ask("What does error E1234 mean?").json()["answer"]
        assert running.put("mine.md", b"# Mine\n\nText.").status_code == 202
        running.wait_for_state("mine.md", "ready")

        assert running.http.get("/readyz").status_code == 200
        Settings(data_dir=data_dir).keys_file.unlink()
        ready = running.http.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        assert "cannot check API keys" in ready.json()["detail"]["keys"]
        assert running.ask("What does error E1234 mean?").status_code == 503


@pytest.mark.parametrize(
    ("signum", "seconds"), [(signal.SIGINT, 0.3), (signal.SIGTERM, 0.8), (signal.SIGINT, 1.3), (signal.SIGTERM, 1.8)]
)
def test_a_signal_during_the_start_ends_it(data_dir, signum, seconds):
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "--port", "0"],
        env=environment(data_dir),
        stderr=subprocess.DEVNULL,
        # A shell ignores SIGINT for background jobs, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no other thread runs here
    )
    time.sleep(seconds)
    process.send_signal(signum)
    process.wait(60)


def test_a_request_for_another_host_name_is_refused(data_dir):
    with service(data_dir, RAG_WORKER="none") as running:
        assert running.http.get("/v1/documents", headers={"Host": "evil.example"}).status_code == 400
        assert running.http.get("/v1/documents").status_code == 200


def test_the_worker_ends_when_its_service_is_killed(data_dir):
    with service(data_dir) as running:
        children = psutil.Process(running.process.pid).children
        # The worker starts beside the service, which may be ready first.
        wait_until(lambda: any("worker" in child.cmdline() for child in children()))
        [worker] = children()
        running.process.kill()
        worker.wait(60)


def test_keys_are_created_listed_and_revoked_on_the_command_line(data_dir):
    key = keys_command(data_dir, "create", "--tenant", "acme", "--role", "writer")
    identifier, secret = key.split("_")[1:]
    listed = keys_command(data_dir, "list")
    assert all(part in listed for part in (identifier, "acme", "writer"))
    assert secret not in listed
    assert identifier in keys_command(data_dir, "revoke", identifier)
    assert keys_command(data_dir, "list") == ""


def keys_command(data_dir, *arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "service", "keys", *arguments],
        env=environment(data_dir),
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()
