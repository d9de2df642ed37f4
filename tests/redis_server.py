"""A real Redis (or Valkey) of a test's own, on a free loopback port, which can be killed and started again."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

BINARY = shutil.which("valkey-server") or shutil.which("redis-server")
needs_redis = pytest.mark.skipif(BINARY is None, reason="no redis-server or valkey-server is installed")
_START_SECONDS = 60
_HIGHEST_PORT = 65535 - 10_000  # a node of a cluster also listens on its port plus 10,000
_reserved: list[socket.socket] = []


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
                except redis.ConnectionError:
                    running = self.process.poll() is None and time.monotonic() < deadline
                    assert running, f"Redis does not start: {log.read_text()}"
                    time.sleep(0.05)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, password=self._password, decode_responses=True)


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
    """One that stays free until a server of ours listens there, and between two of them.

    A socket that listens to nothing keeps it: the kernel gives it to nobody who asks for any port, and lets those share
    it who say SO_REUSEADDR, as servers do.
    """
    for _ in range(100):
        reserving = socket.socket()
        reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserving.bind(("127.0.0.1", 0))
        _reserved.append(reserving)
        port: int = reserving.getsockname()[1]
        if port <= _HIGHEST_PORT:
            return port
    raise OSError(f"No free port up to {_HIGHEST_PORT} was found.")
