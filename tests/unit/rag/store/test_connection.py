"""How a Qdrant server is found, checked and called."""

import asyncio
import itertools
import shutil
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from qdrant_client import AsyncQdrantClient
from qdrant_client import grpc as wire

from rag.errors import Misconfigured, Unavailable
from rag.settings import ServerStoreSettings
from rag.store.server.connection import CHANNEL_OPTIONS, nodes_of, open_client
from tests.support.fakes.qdrant import open_qdrant
from tests.support.fakes.qdrant_rest import open_rest_qdrant

_OPENSSL = shutil.which("openssl")


def settings_for(port: int, url: str = "http://127.0.0.1:1", **more: object) -> ServerStoreSettings:
    return ServerStoreSettings.model_validate({"kind": "server", "url": url, "grpc_port": port} | more)


@pytest.fixture
async def server():
    async with open_qdrant() as opened:
        yield opened


@pytest.mark.parametrize("version", ["1.18.2", "0.11.0", "1.9.7"])
async def test_a_server_that_is_too_old_is_refused_with_its_version(server, version):
    server.version = version
    with pytest.raises(Misconfigured, match=rf"RAG_STORE__URL has version {version}.* needs 1\.19 or newer"):
        async with open_client(settings_for(server.port)):
            pass


@pytest.mark.parametrize("version", ["1.19.0", "1.19.0-dev", "1.20.3", "2.0.0", "a build of mine"])
async def test_a_newer_server_is_asked_once_and_used(server, version):
    server.version = version
    async with open_client(settings_for(server.port)) as client:
        assert (await client.get_collections()).collections == []
        await client.get_collections()
    assert server.health_checks == 1


@pytest.mark.parametrize(("transport", "node"), [("grpc", "127.0.0.1:6334"), ("rest", "127.0.0.1:8080")])
async def test_a_node_is_named_with_the_port_of_the_transport(transport, node):
    assert await nodes_of(settings_for(6334, "http://127.0.0.1:8080", transport=transport)) == [node]


@pytest.mark.parametrize("transport", ["grpc", "rest"])
async def test_a_proxy_of_the_environment_is_not_used(server, monkeypatch, transport):
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with (
        open_rest_qdrant("") as rest,
        open_client(settings_for(server.port, rest.url, transport=transport)) as client,
    ):
        assert (await client.get_collections()).collections == []


async def test_calls_are_spread_over_all_addresses_and_leave_the_ones_that_are_gone(server):
    async with open_qdrant() as second:
        addresses = f"ipv4:127.0.0.1:{server.port},127.0.0.1:{second.port}"
        async with grpc.aio.insecure_channel(addresses, [*CHANNEL_OPTIONS.items()]) as channel:
            root = wire.QdrantStub(channel)

            async def call() -> None:
                await root.HealthCheck(wire.HealthCheckRequest(), wait_for_ready=True, timeout=60)

            async with asyncio.timeout(60):
                while not server.health_checks or not second.health_checks:
                    await call()
            before = server.health_checks, second.health_checks
            for _ in range(10):
                await call()
            assert (server.health_checks, second.health_checks) == (before[0] + 5, before[1] + 5)
            await server.stop()
            async with asyncio.timeout(60):
                while second.health_checks < before[1] + 20:
                    with suppress(grpc.aio.AioRpcError):
                        await call()


async def test_calls_go_on_while_the_addresses_of_the_server_change(server, monkeypatch):
    monkeypatch.setattr("rag.store.server.connection._LOOK_UP_SECONDS", 0.01)
    addresses = itertools.count()

    async def look_up(_: object) -> frozenset[str]:
        return frozenset({str(next(addresses))})

    monkeypatch.setattr("rag.store.server.connection._Client._look_up", look_up)
    # The client of the addresses before is closed after the time limit of a call, and only then come the next ones.
    async with open_client(settings_for(server.port, timeout=3)) as client, asyncio.timeout(60):
        with structlog.testing.capture_logs() as changes:
            while len(changes) < 2:
                await client.get_collections()


async def test_the_connection_stays_while_the_addresses_do_or_cannot_be_looked_up(server, monkeypatch):
    monkeypatch.setattr("rag.store.server.connection._LOOK_UP_SECONDS", 0)
    found, is_over = iter([frozenset({"first"}), frozenset(), frozenset({"first"})]), asyncio.Event()

    async def look_up(_: object) -> frozenset[str]:
        try:
            return next(found)
        except StopIteration:
            is_over.set()
            return frozenset()

    monkeypatch.setattr("rag.store.server.connection._Client._look_up", look_up)
    with structlog.testing.capture_logs() as changes:
        async with open_client(settings_for(server.port)):
            await asyncio.wait_for(is_over.wait(), 60)
    assert changes == []


async def test_a_call_that_was_only_just_made_ends_although_the_addresses_change(server, monkeypatch):
    monkeypatch.setattr("rag.store.server.connection._LOOK_UP_SECONDS", 0)
    found = iter([frozenset({"first"})])
    made: list[asyncio.Task[Any]] = []

    async def look_up(client: AsyncQdrantClient) -> frozenset[str]:
        addresses = next(found, frozenset({"second"}))
        if addresses == {"second"} and not made:
            # The call takes its channel in the first step of its task, and reaches it in a later one.
            made.append(asyncio.create_task(client.get_collections()))
            await asyncio.sleep(0)
        return addresses

    monkeypatch.setattr("rag.store.server.connection._Client._look_up", look_up)
    async with open_client(settings_for(server.port)), asyncio.timeout(60):
        while not made:  # noqa: ASYNC110 - a list
            await asyncio.sleep(0.01)
        assert (await made[0]).collections == []


@pytest.mark.skipif(_OPENSSL is None, reason="openssl is not installed")
async def test_a_private_authority_is_trusted_where_its_file_is_named(server, tmp_path):
    key, certificate = _make_certificate(tmp_path)
    await server.stop()
    await server.start(grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())]))
    with pytest.raises(Unavailable):
        async with open_client(settings_for(server.port, "https://localhost:1", timeout=3)):
            pass
    async with open_client(settings_for(server.port, "https://localhost:1", ca_file=certificate)) as client:
        assert (await client.get_collections()).collections == []


@pytest.mark.skipif(_OPENSSL is None, reason="openssl is not installed")
async def test_rest_trusts_a_private_authority_only_where_its_file_is_named(tmp_path):
    key, certificate = _make_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    async with open_rest_qdrant(tls=tls) as rest:
        with pytest.raises(Unavailable):
            async with open_client(settings_for(1, rest.url, transport="rest")):
                pass
        async with open_client(settings_for(1, rest.url, transport="rest", ca_file=certificate)) as client:
            assert (await client.get_collections()).collections == []


@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_an_unusable_file_of_authorities_is_named(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    with pytest.raises(Misconfigured, match=r"ca\.pem cannot be read: .* Set RAG_STORE__CA_FILE"):
        async with open_client(settings_for(1, "https://localhost:1", ca_file=file)):
            pass


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-keyout", str(key), "-out", str(certificate))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    subprocess.run(
        [str(_OPENSSL), "req", "-x509", *curve, "-nodes", "-days", "2", *subject, *files],
        check=True,
        capture_output=True,
    )
    return key, certificate
