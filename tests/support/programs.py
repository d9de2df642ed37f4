"""Starts the programs as a user does: real processes with their own environment.

The tests, the load tests, the evaluations and the studies all use this module.
It imports nothing of the product, because load tests may only see the product from outside.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.servers.redis_server import free_port

_ROOT = Path(__file__).parents[2]
_START_SECONDS = 180
_RUN_SECONDS = 600
_STOP_SECONDS = 120
# A question at the end of the queue waits until the model has written all answers before it.
_REQUEST_SECONDS = 300
_POLL_SECONDS = 0.05


class StartFailed(AssertionError):
    """A program did not start or did not become ready. The message contains its output."""


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """Return this process's environment with `settings`, and without the developer's own `RAG_*` variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    return inherited | {"RAG_DATA_DIR": str(data_dir.absolute()), "RAG_WORKER_PORT": "0"} | settings


def ingest(*arguments: str, data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return _run("ingest", *arguments, data_dir=data_dir, **settings)


def evals(*arguments: str, data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return _run("evals", *arguments, data_dir=data_dir, **settings)


class Service:
    """A running `python -m service`."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path) -> None:
        self.process = process
        self.log = log
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=_REQUEST_SECONDS)

    def ask(self, question: str, **more: Any) -> httpx.Response:
        return self.http.post("/v1/answers", json={"question": question} | more)

    def stream(self, question: str, **more: Any) -> Generator[tuple[float, str, dict[str, Any]]]:
        """Yield (seconds since the request, event, data) for each server-sent event."""
        started = time.perf_counter()
        body = {"question": question, "stream": True} | more
        with self.http.stream("POST", "/v1/answers", json=body) as response:
            response.raise_for_status()
            event = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield time.perf_counter() - started, event, json.loads(line.removeprefix("data: "))

    def put(self, name: str, body: bytes, media_type: str = "text/markdown") -> httpx.Response:
        return self.http.put(f"/v1/documents/{name}", content=body, headers={"Content-Type": media_type})

    def documents(self, **query: str) -> dict[str, dict[str, Any]]:
        """Return all documents by id, from every page."""
        found: dict[str, dict[str, Any]] = {}
        cursor: dict[str, str] = {}
        while True:
            page = self.http.get("/v1/documents", params={"limit": "500", **query, **cursor}).json()
            found |= {document["id"]: document for document in page["documents"]}
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}

    def wait_for_state(self, name: str, state: str, *, seconds: float = 90) -> dict[str, Any]:
        """Wait until the document has the state and is not being updated. Raise `AssertionError` after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            response = self.http.get(f"/v1/documents/{name}")
            document: dict[str, Any] = response.json()
            is_updating = (document.get("update") or {}).get("state") in {"queued", "processing"}
            if document.get("state") == state and not is_updating:
                return document
            time.sleep(_POLL_SECONDS)
        raise AssertionError(f"{name} is not {state} after {seconds} s: {response.text}")

    def wait_for_lines(self, *, seconds: float = 90, **fields: object) -> list[dict[str, Any]]:
        """Return the lines of the log with these fields, once there is one. Raise `AssertionError` after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # The last line may not be complete.
            whole, _, _ = self.log.read_text().rpartition("\n")
            lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
            if found := [line for line in lines if fields.items() <= line.items()]:
                return found
            time.sleep(_POLL_SECONDS)
        raise AssertionError(f"The log has no line with {fields} after {seconds} s:\n{self.log.read_text()}")


@contextmanager
def service(data_dir: Path, *arguments: str, program: str = "service", **settings: str) -> Iterator[Service]:
    """Start the service on RAG_PORT, or on a free port, wait until it is ready, and stop it with SIGTERM.

    It announces its address in a form that depends on the settings of its log, so the port is chosen here.

    `program` is the module to run, if it is not the service itself but a variant of it.
    Raise `StartFailed` if it does not start.
    """
    log, port = data_dir / "service.log", settings.setdefault("RAG_PORT", str(free_port()))
    with _started(program, *arguments, env=environment(data_dir, **settings), log=log) as process:
        running = Service(process, f"http://127.0.0.1:{port}", log)
        with running.http:
            _wait_until_ready(running)
            yield running


@contextmanager
def running_program(
    module: str, *arguments: str, announcement: str, env: Mapping[str, str] | None = None, log: Path
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a module until the block ends; yield its process and the first group of `announcement` in its output.

    Raise `StartFailed` if the program ends, or does not print the announcement in time.
    """
    with _started(module, *arguments, env=env, log=log) as process:
        yield process, _wait_for_announcement(announcement, module, process, log)


@contextmanager
def _started(module: str, *arguments: str, env: Mapping[str, str] | None, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a module until the block ends, then stop it with SIGTERM."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], env=env, cwd=_ROOT, stdout=output, stderr=output, text=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            finally:
                process.kill()


def failed_start(data_dir: Path, *arguments: str, **settings: str) -> str:
    """Return the error output of a service that refuses to start."""
    run = _run("service", *arguments, data_dir=data_dir, **settings)
    assert run.returncode == 1, run.stderr
    return run.stderr


def _run(program: str, *arguments: str, data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", program, *arguments],
        env=environment(data_dir, **settings),
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS,
        check=False,
    )


def _wait_for_announcement(announcement: str, module: str, process: subprocess.Popen[str], log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if match := re.search(announcement, log.read_text()):
            return match[1]
        time.sleep(_POLL_SECONDS)
    raise StartFailed(f"`python -m {module}` did not start:\n{log.read_text()}")


def _wait_until_ready(running: Service) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and running.process.poll() is None:
        try:
            if running.http.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:  # The program is still starting, and has closed the connection.
            pass
        time.sleep(_POLL_SECONDS)
    raise StartFailed(f"The service is not ready:\n{running.log.read_text()}")
