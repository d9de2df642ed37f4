"""A real MLflow server on loopback, from its own environment because it would add 600 MB to this one."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from tests.support.servers.redis_server import free_port

ROOT = Path(__file__).parents[3]
MLFLOW = ROOT / ".venv-mlflow" / "bin" / "mlflow"
_START_SECONDS = 180


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run the server and yield its base URL. It stores everything in the folder."""
    port = free_port()
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    storage = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder)]
    log = folder / "mlflow.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [MLFLOW, "server", *arguments, *storage], stdout=output, stderr=output, start_new_session=True, cwd=folder
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # The server is a child of this process.
        process.wait(120)


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{url}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"MLflow did not start:\n{log.read_text()}")
