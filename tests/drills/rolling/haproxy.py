"""A real HAProxy in front of two replicas on the loopback interface, and its counters."""

import csv
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.servers.redis_server import free_port

BINARY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
needs_haproxy = pytest.mark.skipif(BINARY is None, reason="haproxy is not installed: apt-get install haproxy")
_START_SECONDS = 60
_COUNTED = ("wretr", "wredis", "econ", "eresp", "hrsp_5xx")

# `retries` applies only to connections that could not be opened, because of `retry-on conn-failure`. HAProxy never
# sends a request twice: an answer costs tokens, and a retry would hide a failure. It closes idle connections within
# seconds, long before the service would (75 s).
_CONFIG = """
global
    maxconn 2000
    stats socket {folder}/haproxy.sock mode 600 level admin
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout check 5s
    retries {retries}
    option redispatch 1
    retry-on conn-failure
frontend entrance
    bind 127.0.0.1:{port}
    default_backend replicas
backend replicas
    balance roundrobin
    http-reuse always
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host 127.0.0.1
    http-check expect status 200
    default-server check inter 500ms fastinter 250ms fall 2 rise 2
{servers}
"""


class HAProxy:
    """The address and the counters of a running HAProxy."""

    def __init__(self, folder: Path, port: int) -> None:
        self._socket = folder / "haproxy.sock"
        self.url = f"http://127.0.0.1:{port}"

    def up(self) -> set[str]:
        """Return the names of the replicas that currently get requests."""
        return {row["svname"] for row in self._rows() if row["status"].startswith("UP")}

    def served(self) -> dict[str, int]:
        """Return the number of requests by replica."""
        return {row["svname"]: int(row["stot"]) for row in self._rows()}

    def errors(self) -> dict[str, int]:
        """Return retries, redispatches, failed connections, broken responses and 5xx responses of all replicas."""
        return {name: sum(int(row[name] or 0) for row in self._rows()) for name in _COUNTED}

    def wait_until_up(self, name: str, *, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while name not in self.up():
            assert time.monotonic() < deadline, f"HAProxy does not see {name} ready after {seconds} s"
            time.sleep(0.02)

    def _rows(self) -> list[dict[str, str]]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            connection.sendall(b"show stat\n")
            text = b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode().removeprefix("# ")
        rows = csv.DictReader(text.splitlines())
        return [row for row in rows if row["pxname"] == "replicas" and row["svname"] != "BACKEND"]


@contextmanager
def haproxy(folder: Path, ports: Mapping[str, int], *, retries: int) -> Iterator[HAProxy]:
    """Run HAProxy. `ports` maps a replica's name to its port. `retries` limits the attempts to open a connection."""
    folder.mkdir()
    servers = "\n".join(f"    server {name} 127.0.0.1:{port}" for name, port in ports.items())
    port = free_port()
    config, log = folder / "haproxy.cfg", folder / "haproxy.log"
    config.write_text(_CONFIG.format(folder=folder, port=port, retries=retries, servers=servers))
    with log.open("w") as output:
        process = subprocess.Popen([str(BINARY), "-db", "-f", str(config)], stdout=output, stderr=output)
    try:
        _wait_for(folder / "haproxy.sock", process, log)
        yield HAProxy(folder, port)
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not path.exists():
        assert process.poll() is None and time.monotonic() < deadline, f"HAProxy does not start:\n{log.read_text()}"
        time.sleep(0.02)
