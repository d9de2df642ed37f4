"""Errors at the start of the service, and what it checks before it serves."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import httpx
import pytest

from rag.embedding.weights import PACKAGED_MODEL
from rag.errors import IndexMismatch, Misconfigured
from service.auth.keys import Keys
from service.program import main
from service.resources import open_resources
from service.settings import EmbeddedGeneratorSettings, Settings
from tests.support.programs import environment, failed_start, service


@pytest.fixture
def run_command(monkeypatch, capsys, data_dir) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command line in this process, because the start of a program takes seconds.

    It returns the exit status, the output and the error output.
    """
    monkeypatch.setenv("RAG_DATA_DIR", str(data_dir))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["service", *arguments])
        return main(), *capsys.readouterr()

    return run


def test_a_port_in_use_is_an_error_that_says_what_to_do(data_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = failed_start(data_dir, "--port", str(taken.getsockname()[1]))
    assert "is in use" in said
    assert "--port" in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("logging_restored")
def test_the_check_reports_a_port_in_use_and_starts_nothing(data_dir, run_command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, _, said = run_command("--check", "--port", port)
    assert status == 1
    assert f"Port {port} is in use" in said
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
    with service(data_dir, OPENAI_API_KEY="sk-live-1234abcd", RAG_WORKER="none") as running:
        running.wait_for_lines(event="models_found")
    log = running.log.read_text()
    assert "RAG_GENERATOR__API_KEY=${OPENAI_API_KEY}" in log
    assert "sk-live" not in log


@pytest.mark.usefixtures("logging_restored")
def test_listening_beyond_loopback_without_keys_is_refused(run_command):
    status, _, said = run_command("--host", "0.0.0.0", "--port", "0")
    assert status == 1
    assert "keys create" in said
    assert "Traceback" not in said


async def test_a_collection_of_another_embedder_is_refused(ingested, handbook):
    data_dir = ingested(handbook)
    embedder = data_dir / "store" / "revisions" / "1" / "collection.json"
    embedder.write_text(embedder.read_text().replace(PACKAGED_MODEL, "another-model"))
    with pytest.raises(IndexMismatch, match="another-model"):
        async with open_resources(Settings(data_dir=data_dir)):
            pass


async def test_a_missing_model_is_an_error_that_names_it(data_dir):
    generator = EmbeddedGeneratorSettings(model="/no/such/model.gguf")
    with pytest.raises(Misconfigured, match=r"/no/such/model\.gguf"):
        async with open_resources(Settings(data_dir=data_dir, generator=generator)):
            pass


def test_keys_separate_tenants_and_roles(data_dir, handbook):
    keys = Keys(Settings(data_dir=data_dir).keys_file)
    acme, globex = keys.create(tenant="acme", role="writer"), keys.create(tenant="globex", role="reader")
    with service(data_dir, RAG_GENERATOR__KIND="none") as running:
        assert running.ask("What does error E1234 mean?").status_code == 401
        assert running.http.get("/livez").status_code == 200

        running.http.headers["Authorization"] = f"Bearer {acme}"
        assert running.put("handbook.md", (handbook / "handbook.md").read_bytes()).status_code == 202
        running.wait_for_state("handbook.md", "ready")
        assert "oil" in running.ask("What does error E1234 mean?").json()["answer"]

        running.http.headers["Authorization"] = f"Bearer {globex}"
        declined = running.ask("What does error E1234 mean?").json()
        assert (declined["declined"], declined["answer"][:27]) == (True, "There are no documents yet.")
        assert running.http.get("/v1/documents").json()["documents"] == []
        assert running.put("mine.md", b"# Mine").status_code == 403

        assert running.http.get("/readyz").status_code == 200
        Settings(data_dir=data_dir).keys_file.unlink()
        ready = running.http.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        assert "cannot check API keys" in ready.json()["detail"]["keys"]
        assert running.ask("What does error E1234 mean?").status_code == 503


@pytest.mark.parametrize(
    ("signum", "seconds"),
    [
        (signal.SIGINT, 0.3),
        (signal.SIGTERM, 0.8),
        pytest.param(signal.SIGINT, 1.3, marks=pytest.mark.nightly),
        pytest.param(signal.SIGTERM, 1.8, marks=pytest.mark.nightly),
    ],
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


def test_a_request_for_another_host_name_is_refused(running):
    assert running.http.get("/v1/documents", headers={"Host": "evil.example"}).status_code == 400
    assert running.http.get("/v1/documents").status_code == 200


@pytest.mark.usefixtures("logging_restored")
def test_keys_are_created_listed_and_revoked_on_the_command_line(run_command):
    def keys(*arguments: str) -> str:
        status, output, _ = run_command("keys", *arguments)
        assert status == 0
        return output.strip()

    key = keys("create", "--tenant", "acme", "--role", "writer")
    identifier, secret = key.split("_")[1:]
    listed = keys("list")
    assert all(part in listed for part in (identifier, "acme", "writer"))
    assert secret not in listed
    assert identifier in keys("revoke", identifier)
    assert keys("list") == ""
