"""A real nginx on the loopback interface."""

import grp
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BINARY = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(BINARY is None, reason="nginx is not installed: apt-get install nginx-light")
_START_SECONDS = 60

_CONFIG = """
daemon off;
user {user} {group};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    gzip on;
    gzip_types *;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{servers}
}}
"""


@contextmanager
def nginx(folder: Path, servers: str, *, ports: list[int]) -> Iterator[None]:
    """Run nginx with these `server` blocks until the block ends, and wait until it listens on the ports."""
    folder.mkdir()
    config, log = folder / "nginx.conf", folder / "error.log"
    # As root, nginx would otherwise change to a user that cannot write into the folder.
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    config.write_text(_CONFIG.format(folder=folder, user=user, group=group, servers=servers))
    with log.open("w") as output:
        process = subprocess.Popen([str(BINARY), "-c", str(config), "-p", str(folder)], stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not all(map(_is_open, ports)):
            assert process.poll() is None and time.monotonic() < deadline, f"nginx does not start:\n{log.read_text()}"
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _is_open(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
