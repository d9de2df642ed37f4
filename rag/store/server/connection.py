"""The connection to a Qdrant server or cluster: how its nodes are found, watched and left."""

import asyncio
import json
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from pydantic import HttpUrl
from qdrant_client import AsyncQdrantClient
from qdrant_client.async_client_base import AsyncQdrantBase

from rag.errors import InvalidInput, Misconfigured
from rag.settings import ServerStoreSettings
from rag.store.server.answers import translated_errors
from rag.tasks import supervise

log = structlog.get_logger()

OLDEST_SERVER = (1, 19)
"""The first version that matches keywords by prefix, which `uri_prefix` filters need (ADR 59)."""

# A read whose node dies is answered by another one, within a second (ADR 59). Writes are repeated by their callers.
_READ_RETRIES = {
    "methodConfig": [
        {
            "name": [
                {"service": "qdrant.Points", "method": method}
                for method in ("QueryBatch", "Scroll", "Get", "Count", "Facet")
            ],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.1s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ]
}

# gRPC's own defaults never notice a silent peer, and try a server again after up to two minutes (ADR 59).
CHANNEL_OPTIONS: dict[str, Any] = {
    # A peer that does not answer a ping is left after 10 + 5 s, also while no call is running.
    "grpc.keepalive_time_ms": 10_000,
    "grpc.keepalive_timeout_ms": 5_000,
    # The limit of any ping, which is a minute by default and would outlast the one above.
    "grpc.http2.ping_timeout_ms": 5_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.http2.max_pings_without_data": 0,
    # A server that is back is found within 3 s. The least value also limits the time of one attempt.
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.min_reconnect_backoff_ms": 3_000,
    "grpc.max_reconnect_backoff_ms": 3_000,
    "grpc.dns_min_time_between_resolutions_ms": 2_000,
    # Every address of the host name is a node, and calls go to all of them in turn.
    "grpc.lb_policy_name": "round_robin",
    "grpc.service_config": json.dumps(_READ_RETRIES),
    # A proxy of the environment is for the internet. The store is called directly, as every configured server is.
    "grpc.enable_http_proxy": 0,
}
# gRPC looks a name up again only when a connection breaks, which may be before a replaced node has its new address.
_LOOK_UP_SECONDS = 30.0


@asynccontextmanager
async def open_client(settings: ServerStoreSettings) -> AsyncIterator[AsyncQdrantClient]:
    """Connect to the server; raises `Misconfigured` if it is too old, or `Unavailable`."""
    client = _Client(settings)
    try:
        await _require_version(client)
        async with supervise("store_addresses", client.follow_addresses(), essential=False):
            yield client
    finally:
        await client.close()


async def nodes_of(settings: ServerStoreSettings) -> list[str]:
    """Return `host:port` of each node: of every address of the configured host, or of the host if it has only one."""
    host, port = (settings.url.host or "").strip("[]"), settings.grpc_port
    if settings.transport == "rest":
        port = settings.url.port or port
    addresses = sorted(await _look_up(host, port))
    if len(addresses) <= 1:
        addresses = [host]
    return [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address in addresses]


def to_node(settings: ServerStoreSettings, node: str) -> ServerStoreSettings:
    """Return the settings for one node, given as `host:port` with the port of the configured transport."""
    host, _, port = node.rpartition(":")
    if not host or not port.isdecimal():
        raise InvalidInput(f"{node} is not an address of a node. Write it as HOST:PORT.")
    path = (settings.url.path or "").lstrip("/")
    url = HttpUrl.build(scheme=settings.url.scheme, host=host.strip("[]"), port=int(port), path=path)
    return settings.model_copy(update={"url": url, "grpc_port": int(port)})


class _Client(AsyncQdrantClient):
    """A client that connects again when the addresses of its host name change, while its calls go on."""

    def __init__(self, settings: ServerStoreSettings) -> None:
        self._settings = settings
        super().__init__(**_to_options(settings))

    async def follow_addresses(self) -> None:
        """Connect again, for ever, when nodes were added or replaced. Nodes that stay keep their connections."""
        known = await self._look_up()
        while True:
            await asyncio.sleep(_LOOK_UP_SECONDS)
            found = await self._look_up()
            if not found or found == known:
                continue
            known, before = found, self._client
            super().__init__(**_to_options(self._settings))
            log.info("store_addresses_changed", addresses=len(found))
            await self._close_when_unused(before)

    async def _close_when_unused(self, before: AsyncQdrantBase) -> None:
        """Close the client of the addresses before, after the calls that use it.

        A call that was made just now may not have reached its channel, and a closing channel refuses it.
        """
        try:
            await asyncio.sleep(self._settings.timeout)
        finally:
            await before.close(grpc_grace=self._settings.timeout)

    async def _look_up(self) -> frozenset[str]:
        return await _look_up((self._settings.url.host or "").strip("[]"), self._settings.grpc_port)


async def _look_up(host: str, port: int) -> frozenset[str]:
    """Return the addresses, or none if the name cannot be resolved now."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(str(address[0]) for *_, address in found)


def _to_options(settings: ServerStoreSettings) -> dict[str, Any]:
    authorities, key = _trusted_authorities(settings), settings.api_key
    roots = {"root_certificates": settings.ca_file.read_bytes()} if settings.ca_file else {}
    return {
        "url": str(settings.url).rstrip("/"),
        "port": settings.url.port,
        "grpc_port": settings.grpc_port,
        "prefer_grpc": settings.transport == "grpc",
        "grpc_options": CHANNEL_OPTIONS | roots,
        # As a header, because the client would print a warning about a key without TLS.
        "headers": {"api-key": key.get_secret_value()} if key else None,
        "timeout": settings.timeout,
        # The check would print a warning. `_require_version` raises an error.
        "check_compatibility": False,
        "verify": authorities,
        "trust_env": False,
    }


def _trusted_authorities(settings: ServerStoreSettings) -> ssl.SSLContext | bool:
    """Return the authorities that may sign the server's certificate; True means those of this machine."""
    if settings.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # An `SSLError` for a file without a certificate is also an `OSError`.
        reason = error.strerror or "it contains no certificate"
        raise Misconfigured(
            f"The certificates in {settings.ca_file} cannot be read: {reason}. Set RAG_STORE__CA_FILE to a PEM file."
        ) from error


async def _require_version(client: AsyncQdrantClient) -> None:
    with translated_errors():
        version = (await client.info()).version
    known = re.match(r"(\d+)\.(\d+)", version)
    if known and (int(known[1]), int(known[2])) < OLDEST_SERVER:
        oldest = ".".join(map(str, OLDEST_SERVER))
        raise Misconfigured(
            f"The Qdrant server at RAG_STORE__URL has version {version}, but this program needs {oldest} or newer. "
            "Update the server."
        )
