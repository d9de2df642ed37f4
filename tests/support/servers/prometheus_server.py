"""Prometheus and promtool for tests of the shipped rules, dashboards and metrics."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.servers.redis_server import free_port

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
needs_prometheus = pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
_START_SECONDS = 120


class PrometheusServer:
    """A running server and its HTTP interface."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=120)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples of an instant query. Fail with Prometheus's message if the query is invalid."""
        body = self._http.post("/query", data={"query": expression}).json()
        assert body["status"] == "success", f"{expression}: {body.get('error')}"
        result = body["data"]["result"]
        return [{"value": result}] if body["data"]["resultType"] == "scalar" else result

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        alerts = self._http.get("/alerts").json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its health and its last error."""
        groups = self._http.get("/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def targets(self) -> dict[str, str]:
        """Return the health of each job's target."""
        active = self._http.get("/targets").json()["data"]["activeTargets"]
        return {target["labels"]["job"]: target["health"] for target in active}


@contextmanager
def prometheus_server(folder: Path, config: str) -> Iterator[PrometheusServer]:
    """Run Prometheus with its data in `folder`. Paths in `config` are relative to it."""
    port = free_port()
    (folder / "prometheus.yml").write_text(config)
    log = folder / "prometheus.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                str(PROMETHEUS),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
            ],
            env=os.environ | {"GOMAXPROCS": "1"},
            stdout=output,
            stderr=output,
        )
    try:
        server = PrometheusServer(f"http://127.0.0.1:{port}")
        _wait_until_ready(server, process, log)
        yield server
    finally:
        process.terminate()
        process.wait(120)


def metric_problems(metrics: str) -> list[str]:
    """Return what `promtool check metrics` reports, except about the metrics of Python's client library."""
    checked = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=metrics, capture_output=True, text=True, check=False
    )
    lines = (checked.stdout + checked.stderr).splitlines()
    return [line for line in lines if not line.startswith(("python_", "process_"))]


def _wait_until_ready(server: PrometheusServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            # Without this option, each request reads the certificates of authorities for 40 ms.
            if httpx.get(f"{server.url}/-/ready", verify=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"Prometheus did not start:\n{log.read_text()}")
