"""A real Arize Phoenix on loopback, from its own virtual environment, because it needs 600 MB of packages."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.servers.redis_server import free_port

ROOT = Path(__file__).parents[3]
PHOENIX = ROOT / ".venv-phoenix" / "bin" / "phoenix"
_START_SECONDS = 240


@contextmanager
def phoenix_server(folder: Path) -> Iterator[str]:
    """Run Phoenix with its data in `folder` and yield its base URL, which also accepts OTLP."""
    port, grpc = free_port(), free_port()
    settings = {"HOST": "127.0.0.1", "PORT": str(port), "GRPC_PORT": str(grpc), "WORKING_DIR": str(folder)}
    environment = os.environ | {f"PHOENIX_{name}": value for name, value in settings.items()}
    log = folder / "phoenix.log"
    with log.open("w") as output:
        process = subprocess.Popen([PHOENIX, "serve"], stdout=output, stderr=output, env=environment, cwd=folder)
    try:
        _wait_for(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(120)


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/healthz", timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"Phoenix did not start:\n{log.read_text()}")
