"""Containers of the images that `make image` builds."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.programs import Service

DOCKER = os.environ.get("DOCKER", "docker")
needs_images = pytest.mark.skipif(
    "TEST_IMAGE" not in os.environ, reason="needs a Docker engine and built images: make test-image"
)
# The options of a hardened installation, under which the images must work.
HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
_START_SECONDS = 90


def docker(*arguments: str, check: bool = True) -> str:
    run = subprocess.run([DOCKER, *arguments], capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0 or not check, f"docker {' '.join(arguments)}: {run.stderr}"
    return run.stdout.strip()


def inspect(name: str) -> dict[str, Any]:
    [details] = json.loads(docker("inspect", name))
    return dict(details)


@contextmanager
def volume() -> Iterator[str]:
    name = docker("volume", "create")
    try:
        yield name
    finally:
        docker("volume", "rm", "--force", name)


class Container:
    """A container in the background. `read_text` returns its log, as for the log file of a process."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read_text(self) -> str:
        run = subprocess.run([DOCKER, "logs", self.name], capture_output=True, text=True, check=True)
        return run.stdout + run.stderr

    def url(self, port: int) -> str:
        return f"http://{docker('port', self.name, f'{port}/tcp').splitlines()[0]}"

    def stop(self) -> tuple[float, int]:
        """Send SIGTERM and return the seconds until the exit and the exit code."""
        began = time.monotonic()
        docker("stop", "--time", "60", self.name)
        return time.monotonic() - began, inspect(self.name)["State"]["ExitCode"]


@contextmanager
def container(image: str, *arguments: str, options: tuple[str, ...] = ()) -> Iterator[Container]:
    name = docker("run", "--detach", *HARDENED, *options, image, *arguments)
    try:
        yield Container(name)
    finally:
        docker("rm", "--force", name)


@contextmanager
def serving(image: str, data: str, *options: str) -> Iterator[tuple[Service, Container]]:
    """Run the service with a volume and an API key of a writer, and wait until it is ready."""
    mount = ("--volume", f"{data}:/data")
    key = docker("run", "--rm", *HARDENED, *mount, image, "keys", "create", "--role", "writer")
    with container(image, options=(*mount, "--publish", "127.0.0.1::8000", *options)) as started:
        wait_for(f"{started.url(8000)}/readyz", started)
        running = Service(None, started.url(8000), started)  # The container replaces the process and its log file.
        running.http.headers["Authorization"] = f"Bearer {key}"
        yield running, started


def wait_for(url: str, started: Container) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} did not answer:\n{started.read_text()}")


def wait_until_healthy(started: Container) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while inspect(started.name)["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() < deadline, inspect(started.name)["State"]["Health"]
        time.sleep(0.5)


def folder(path: Path) -> tuple[str, ...]:
    """Return the options that mount a local folder read-only at /documents."""
    return ("--volume", f"{path}:/documents:ro")
