"""Steps before the route of a request: removal of the path prefix, HEAD, and the decision which calls may enter.

All of it is pure ASGI, because Starlette's BaseHTTPMiddleware breaks streaming.
"""

import ipaddress
import re
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.errors import KeyRequired, UnknownHost
from service.auth.keys import Keys

_HOST = re.compile(r"(?P<host>\[[^\]]+\]|[^:]+)(:\d*)?")
_PROXY_HEADERS = frozenset({"forwarded", "via", "x-real-ip"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# A load balancer calls these through its proxy, too. They reveal nothing about the documents.
_PROBES = frozenset({"/livez", "/readyz"})


class PathPrefix:
    """Removes the path prefix if the proxy has not done so. Routes, metrics and logs never see the prefix."""

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and f"{scope['path']}/".startswith(f"{self._prefix}/"):
            scope = {**scope, "path": scope["path"].removeprefix(self._prefix) or "/"}
        await self._app(scope, receive, send)


class HeadAsGet:
    """Answers HEAD as GET, without the body. FastAPI would answer 405."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                # The client has everything, and may leave before a file has been read to its end.
                await send({"type": "http.response.body", "body": b""})

        as_get = {**scope, "method": "GET"}
        try:
            await self._app(as_get, receive, send_head)
        finally:
            # The router writes the route into its own scope. Metrics and logs read it from this one.
            scope["route"] = as_get.get("route")


class Entrance:
    """Refuses calls to a foreign host name and, without keys, calls that do not come from this machine directly."""

    def __init__(
        self, app: ASGIApp, *, keys: Keys, is_loopback: bool, hosts: Iterable[str], origins: Iterable[str]
    ) -> None:
        """Without `hosts`, a service on loopback answers to the names of this machine, and any other to each name."""
        self._app = app
        self._keys = keys
        self._is_loopback = is_loopback
        self._hosts = frozenset(host.lower() for host in hosts) or frozenset(() if is_loopback else "*")
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._check(scope)
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers.getlist("host"))
        if scope["path"] in _PROBES or self._keys.are_required():
            return
        if any(name in _PROXY_HEADERS or name.startswith("x-forwarded-") for name in headers):
            raise KeyRequired(
                "This call came through a proxy, and the service has no API keys yet. Without keys it answers only "
                "direct calls from its own machine. Create a key with `python -m service keys create --role writer`, "
                "and send it as `Authorization: Bearer gw_…`."
            )
        origin = headers.get("origin")
        if scope["method"] not in _SAFE_METHODS and origin and not self._is_known(origin, headers.get("host", "")):
            raise KeyRequired(
                "This call came from a web page of another origin, and the service has no API keys yet. "
                "Create a key with `python -m service keys create`, or add the origin to RAG_CORS_ORIGINS."
            )

    def _check_host(self, given: list[str]) -> None:
        # Only browsers are at risk: a foreign page could let its own name resolve to this machine and then read the
        # API. Browsers always send the header; some probes send none.
        if "*" in self._hosts or given in ([], [""]):
            return
        match = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        host = match["host"].strip("[]").lower().rstrip(".") if match else ""
        if not self._is_ours(host):
            raise UnknownHost(
                "The service does not answer to this host name. Its operator can add it to RAG_ALLOWED_HOSTS."
            )

    def _is_ours(self, host: str) -> bool:
        if host == "localhost" or host in self._hosts:
            return True
        try:
            # An address cannot be made to resolve elsewhere. Beyond loopback, probes and scrapes ask by address.
            return ipaddress.ip_address(host).is_loopback or not self._is_loopback
        except ValueError:
            _, _, domain = host.partition(".")
            return f"*.{domain}" in self._hosts

    def _is_known(self, origin: str, host: str) -> bool:
        # A page of this service sends its own origin with POST and PUT.
        return origin.partition("://")[2].lower() == host.lower() or bool(self._origins & {origin, "*"})
