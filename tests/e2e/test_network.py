"""Nothing leaves this machine: strace sees the look-ups and connections of both programs and of their children."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.programs import Service, environment
from tests.support.servers.redis_server import free_port
from tests.support.waiting import wait_until

_ROOT = Path(__file__).parents[2]
_STRACE = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-e", "signal=none")
# A name server is found by its port, because it may be on this machine.
_ADDRESS = re.compile(r'htons\((\d+)\), (?:sin_addr=inet_addr|sin6_flowinfo.*inet_pton\(AF_INET6,) ?\(?"([^"]+)"')
_NAME_SERVER = "53"


# The service announces these variables, and must not use them.
OPENAI = {"OPENAI_API_KEY": "sk-live-1234abcd", "OPENAI_BASE_URL": "http://192.0.2.1/v1"}


def can_trace() -> bool:
    strace = shutil.which(_STRACE[0])
    return strace is not None and subprocess.run([strace, "-qq", "-o", os.devnull, "true"], check=False).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_trace(), reason="strace is not installed, or may not trace programs here"),
]


def departures(log: Path) -> list[str]:
    """Return the traced calls that address a name server or another machine."""
    return [
        line
        for line in log.read_text(errors="replace").splitlines()
        for port, address in _ADDRESS.findall(line)
        if port == _NAME_SERVER or not (address.startswith("127.") or address in {"::1", "::ffff:127.0.0.1"})
    ]


@contextmanager
def traced(log: Path, home: Path, *command: str, data_dir: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run a Python program with a home directory of its own, and end it with SIGTERM."""
    home.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [*_STRACE, "-o", str(log), sys.executable, *command],
        env=environment(data_dir, **settings) | {"HOME": str(home)},
        cwd=_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=(data_dir / "program.log").open("a"),
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            for program in psutil.Process(process.pid).children():
                program.terminate()
            process.wait(120)


@pytest.mark.parametrize(
    "call", ["getaddrinfo('name.example', 80)", "socket(type=SOCK_DGRAM).connect(('192.0.2.1', 80))"]
)
def test_the_trace_shows_look_ups_and_connections(call, tmp_path):
    code = f"from socket import *; import contextlib\nwith contextlib.suppress(OSError): {call}"
    with traced(tmp_path / "trace", tmp_path / "home", "-c", code, data_dir=tmp_path) as process:
        process.wait(120)
    assert departures(tmp_path / "trace")


@pytest.mark.nightly  # Tracing torch takes 15 s of a processor. The next test traces ONNX Runtime in a worker.
def test_nothing_leaves_this_machine_while_torch_embeds_documents(data_dir, handbook, tmp_path):
    home, trace = tmp_path / "home", tmp_path / "trace"
    # torch and transformers know more about the network than ONNX Runtime.
    run = ("-m", "ingest", "run", str(handbook))
    with traced(trace, home, *run, data_dir=data_dir, RAG_EMBEDDER__RUNTIME="torch") as process:
        assert process.wait(300) == 0, (data_dir / "program.log").read_text()
    assert_that_nothing_left(trace, home)


def test_nothing_leaves_this_machine_while_a_service_and_its_worker_are_used(data_dir, handbook, tmp_path):
    home, trace = tmp_path / "home", tmp_path / "trace"
    port = free_port()
    settings = {"RAG_PORT": str(port), "RAG_ANSWERING__MAX_TOKENS": "16"} | OPENAI
    with (
        traced(trace, home, "-m", "service", data_dir=data_dir, **settings) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as http,
    ):
        running = Service(process, str(http.base_url), data_dir / "program.log")
        wait_until(lambda: is_ready(http), seconds=180, describe=running.log.read_text)
        # The worker of the service embeds it.
        assert running.put("handbook.md", (handbook / "handbook.md").read_bytes()).status_code == 202
        running.wait_for_state("handbook.md", "ready")
        assert "oil" in running.ask("What does error E1234 mean?").json()["answer"]
        assert running.ask("What does error E1234 mean?", mode="generate").status_code == 200
    assert_that_nothing_left(trace, home)


def assert_that_nothing_left(trace: Path, home: Path) -> None:
    assert departures(trace) == []
    assert list(home.rglob("*")) == [], "A library has left something in the home directory."


def is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
