"""Start what the overlay `dev` would start, with its settings and commands, and go from an upload to an answer."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.fakes.qdrant import serve_qdrant
from tests.support.fakes.servers import in_thread
from tests.support.servers.redis_server import free_port, needs_redis, redis_server
from tests.support.shipped.manifests import K8S, named, needs_kubectl, overlay, settings, workloads
from tests.support.waiting import wait_until

pytestmark = [needs_kubectl, needs_redis]

SMOKE = K8S / "components" / "analysis" / "smoke.py"
DOCUMENT = "# Pumps\n\nThe Kestrel pump stands in hall three. Its impeller is replaced every 4,000 hours of operation."
_START_SECONDS = 180


@pytest.fixture
def cluster(tmp_path, data_dir):
    """Yield the URL of the service and the API key of a writer."""
    objects = overlay("dev")
    with ExitStack() as stack:
        inbox, state = (stack.enter_context(_redis(objects, name, tmp_path)) for name in ("redis", "redis-state"))
        qdrant = stack.enter_context(in_thread(serve_qdrant()))
        port, worker_port = free_port(), free_port()
        # In the cluster these are a Service and a mounted Secret.
        here = {
            "RAG_PORT": port,
            "RAG_WORKER_PORT": worker_port,
            "RAG_DATA_DIR": data_dir,
            "RAG_KEYS_PATH": tmp_path / "keys.json",
            "RAG_STORE__GRPC_PORT": qdrant,
            "RAG_STORE__URL": "http://127.0.0.1:6333",
            "RAG_INBOX__URL": inbox.url,
            "RAG_INBOX__PASSWORD": "secret",
            "RAG_STATE__URL": state.url,
            "RAG_STATE__PASSWORD": "secret",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
        env = kept | settings(objects) | {name: str(value) for name, value in here.items()}
        create = [sys.executable, "-m", "service", "keys", "create", "--role", "writer"]
        key = subprocess.run(create, env=env, capture_output=True, text=True, check=True).stdout.strip()
        for workload in workloads(objects):
            if workload.kind == "Deployment":
                stack.enter_context(_running(workload.containers[0], env, tmp_path / f"{workload.name}.log"))
        yield f"http://127.0.0.1:{port}", key


@contextmanager
def _redis(objects, name: str, tmp_path: Path):
    """Run a Redis with the configuration of a component."""
    (config,) = [
        it["data"]["redis.conf"]
        for full, it in named(objects, "ConfigMap").items()
        if full.startswith(f"{name}-config")
    ]
    folder, file = tmp_path / name, tmp_path / f"{name}.conf"
    file.write_text(config.replace("dir /data", f"dir {folder}"))
    with redis_server(folder, "--include", str(file), "--requirepass", "secret", password="secret") as running:
        yield running


@contextmanager
def _running(container, env, log: Path):
    """Run the process of one container until its startup probe succeeds, and drain it at the end."""
    command = [sys.executable if part == "python" else part for part in container["command"]]
    port = env["RAG_PORT" if "service" in command else "RAG_WORKER_PORT"]
    url = f"http://127.0.0.1:{port}{container['startupProbe']['httpGet']['path']}"
    with log.open("w") as output:
        process = subprocess.Popen(command, env=env, cwd=K8S.parents[1], stdout=output, stderr=output)
    try:
        wait_until(lambda: _answers(url) or process.poll() is not None, seconds=_START_SECONDS, describe=log.read_text)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        assert process.wait(60) in {0, -15}


def _answers(url: str) -> bool:
    try:
        # Without this option, each request reads the certificates of authorities for 40 ms.
        return httpx.get(url, verify=False).status_code == 200
    except httpx.TransportError:
        return False


def smoke(url: str, key: str, questions: Path) -> tuple[int, dict]:
    env = os.environ | {"SMOKE_URL": url, "SMOKE_API_KEY": key, "SMOKE_FIRST_TEXT_SECONDS": "60"}
    done = subprocess.run(
        [sys.executable, str(SMOKE), str(questions)], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_an_upload_becomes_an_answer_and_the_smoke_test_of_a_rollout_detects_it(cluster, tmp_path):
    url, key = cluster
    http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    wait_until(lambda: _answers(f"{url}/readyz"))
    assert httpx.get(f"{url}/v1/documents", timeout=60).status_code == 401
    questions = tmp_path / "questions.txt"
    questions.write_text("In which hall does the Kestrel pump stand?\n")
    # The collection is empty, and a rollout must not be promoted if every question is declined.
    status, report = smoke(url, key, questions)
    assert (status, report["declined"], report["good"]) == (1, 1.0, False)
    put = http.put("/v1/documents/pumps.md", content=DOCUMENT, headers={"Content-Type": "text/markdown"})
    assert put.status_code == 202

    def state() -> str:
        return http.get("/v1/documents/pumps.md").json().get("state")

    wait_until(lambda: state() == "ready", describe=state)
    status, report = smoke(url, key, questions)
    assert report["faults"] == []
    assert (status, report["grounded"], report["declined"]) == (0, 1.0, 0.0)
    status, report = smoke(url, "gw_0_0", questions)
    assert (status, report["faults"]) == (1, ["status 401"])
