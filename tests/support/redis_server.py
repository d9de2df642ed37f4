"""A real Redis (or Valkey) of a test's own, on a free loopback port, which can be killed and started again."""

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
needs_redis = pytest.mark.skipif(BINARY is None, reason="no redis-server or valkey-server is installed")
_START_SECONDS = 120
# Below those that the system gives to connections (from 32,768 on), also with the 10,000 that a node of a cluster adds:
# whoever calls a port on which nobody listens yet could otherwise be given that port, and keep it from its server.
_PORTS = iter(random.SystemRandom().sample(range(10_000, 22_000), k=12_000))


class RedisServer:
    """Durable as production needs it: with the append-only file."""

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
                    assert running, f"Redis does not start: {log.read_text()}"
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
    """Free a moment ago, and given to nobody else by this process or by the system."""
    for port in _PORTS:
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise OSError("Every port was given away.")
