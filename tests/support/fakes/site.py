"""A small web site on loopback that records the requested paths."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass(frozen=True, kw_only=True)
class Page:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"})


def page(text: str, *links: str) -> Page:
    return Page(body=f"<html><body><p>{text}</p>{''.join(f'<a href={link!r}>x</a>' for link in links)}".encode())


class Site:
    """A running web site. For an unknown path it sends `missing` with the path inserted, or 404."""

    def __init__(self, server: TestServer, asked: list[str]) -> None:
        self._server = server
        self.asked = asked

    def url(self, path: str) -> str:
        return str(self._server.make_url(path))


@asynccontextmanager
async def open_site(pages: Mapping[str, Page], *, missing: Page | None = None) -> AsyncIterator[Site]:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        requested = pages.get(request.path_qs, missing if request.path != "/robots.txt" else None)
        if requested is None:
            return web.Response(status=404)
        body = requested.body.replace(b"{path}", request.path.encode())
        return web.Response(body=body, status=requested.status, headers=requested.headers)

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    async with TestServer(app) as server:
        yield Site(server, asked)
