"""The programs as a user starts them: real processes with an environment of their own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

_ROOT = Path(__file__).parents[2]
_START_SECONDS = 180
_RUN_SECONDS = 600
_STOP_SECONDS = 120
# A question at the end of the queue waits for the model to write all the answers before it.
_PATIENCE_SECONDS = 300


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """Nothing of the developer's own settings leaks in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    return kept | {"RAG_DATA_DIR": str(data_dir), "RAG_WORKER_PORT": "0"} | settings


def ingest(*arguments: str, data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return _run("ingest", *arguments, data_dir=data_dir, **settings)


def evals(*arguments: str, data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return _run("evals", *arguments, data_dir=data_dir, **settings)


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


class Service:
    """A running `python -m service`."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path) -> None:
        self.process = process
        self.log = log
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=_PATIENCE_SECONDS)

    def ask(self, question: str, **more: Any) -> httpx.Response:
        return self.http.post("/v1/answers", json={"question": question} | more)

    def stream(self, question: str, **more: Any) -> Generator[tuple[float, str, dict[str, Any]]]:
        """(seconds since the request, event, data) of each server-sent event."""
        began = time.perf_counter()
        body = {"question": question, "stream": True} | more
        with self.http.stream("POST", "/v1/answers", json=body) as response:
            response.raise_for_status()
            event = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield time.perf_counter() - began, event, json.loads(line.removeprefix("data: "))

    def put(self, name: str, body: bytes, media_type: str = "text/markdown") -> httpx.Response:
        return self.http.put(f"/v1/documents/{name}", content=body, headers={"Content-Type": media_type})

    def wait_for_state(self, name: str, state: str, *, seconds: float = 90) -> dict[str, Any]:
        """Polls until the document is in the state and no update is under way; fails loudly when it never is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            response = self.http.get(f"/v1/documents/{name}")
            found: dict[str, Any] = response.json()
            under_way = (found.get("update") or {}).get("state") in {"queued", "processing"}
            if found.get("state") == state and not under_way:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{name} is not {state} after {seconds} s: {response.text}")


@contextmanager
def service(data_dir: Path, *arguments: str, program: str = "service", **settings: str) -> Iterator[Service]:
    """Starts the service on a free port, waits until it is ready, and stops it with SIGTERM.

    `program` is the module to run, where it is another one that behaves like it.
    """
    log = data_dir / "service.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", program, "--port", "0", *arguments],
            env=environment(data_dir, **settings),
            cwd=_ROOT,
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        running = Service(process, _wait_for_url(process, log), log)
        _wait_until_ready(running, log)
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            finally:
                process.kill()


def failed_start(data_dir: Path, *arguments: str, **settings: str) -> str:
    """What the service says when it refuses to start."""
    run = subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        env=environment(data_dir, **settings),
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    return run.stderr


def _wait_for_url(process: subprocess.Popen[str], log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"answers on http://localhost:(\d+)", log.read_text()):
            return f"http://127.0.0.1:{found[1]}"
        time.sleep(0.05)
    raise AssertionError(f"The service did not start:\n{log.read_text()}")


def _wait_until_ready(running: Service, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and running.process.poll() is None:
        try:
            if running.http.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"The service is not ready:\n{log.read_text()}")
