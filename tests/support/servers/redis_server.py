"""A real Redis or Valkey on a free loopback port, which a test can kill and start again."""

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis

BINARY = shutil.which("valkey-server") or shutil.which("redis-server")
needs_redis = pytest.mark.skipif(BINARY is None, reason="redis-server or valkey-server is not installed")
_START_SECONDS = 120
# Below the ephemeral ports (from 32,768), also after a cluster node adds 10,000. Otherwise a client that connects to a
# server before it listens could get the server's port as its own source port.
_RANGE = range(10_000, 22_000)
# A port is free until its server has started, and while a test has stopped the server, so each of the processes that
# run tests side by side has its own part of the range.
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_OWN = _RANGE[_WORKER % _WORKERS :: _WORKERS]
_PORTS = iter(random.SystemRandom().sample(_OWN, k=len(_OWN)))


class RedisServer:
    """A Redis with an append-only file, as production needs it."""

    def __init__(self, folder: Path, *options: str, password: str | None = None) -> None:
        self._folder = folder
        self._options = options
        self._password = password
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        log = self._folder / "redis.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(BINARY), *arguments, "--appendonly", "yes", *self._options], stdout=output, stderr=output
            )
        with self.client() as client:
            deadline = time.monotonic() + _START_SECONDS
            while True:
                try:
                    client.ping()
                    return
                except (redis.ConnectionError, redis.TimeoutError):
                    running = self.process.poll() is None and time.monotonic() < deadline
                    assert running, f"Redis did not start: {log.read_text()}"
                    time.sleep(0.05)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def client(self) -> redis.Redis:
        return redis.Redis(
            port=self.port,
            password=self._password,
            decode_responses=True,
            socket_timeout=60,
            socket_connect_timeout=60,
        )


@contextmanager
def redis_server(folder: Path, *options: str, password: str | None = None) -> Iterator[RedisServer]:
    folder.mkdir(exist_ok=True)
    server = RedisServer(folder, *options, password=password)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def free_port() -> int:
    """Return a port that is free now and that this process has not returned before."""
    for port in _PORTS:
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise OSError("All ports of the range are in use.")
