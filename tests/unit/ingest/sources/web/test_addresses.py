import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from ingest.settings import Settings, SourceSettings
from ingest.sources.base import Rejection
from ingest.sources.web.addresses import is_not_metadata, is_public
from ingest.sources.web.fetching import open_fetcher
from ingest.sources.web.page import PageSource
from tests.support.fakes.site import Page, Site, open_site, page
from tests.support.fetching import fetch_all

OUTSIDE, INSIDE = "127.0.0.1", "127.0.0.2"


class ScriptedResolver(AbstractResolver):
    """A resolver that returns the given addresses one after the other, and then repeats the last one."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site({"/a.html": page("a")}) as opened:
        yield opened


async def fetch(url: str, resolver: ScriptedResolver, **options: object):
    settings = Settings(sources=SourceSettings(timeout=60))
    async with open_fetcher(settings, resolver=resolver, **options) as fetcher:
        [result] = await fetch_all(PageSource(url, fetcher=fetcher, max_bytes=1_000))
        return result


def url_with_host(site: Site, host: str, path: str = "/a.html") -> str:
    return site.url(path).replace("127.0.0.1", host)


async def test_a_host_that_resolves_to_this_machine_is_rejected(site):
    result = await fetch(url_with_host(site, "innocent.example"), ScriptedResolver("127.0.0.1"))

    assert isinstance(result, Rejection)
    assert "RAG_SOURCES__ALLOW_PRIVATE" in result.reason
    assert site.asked == []


async def test_dns_rebinding_to_a_private_address_is_rejected(site):
    resolver = ScriptedResolver(OUTSIDE, INSIDE)
    url = url_with_host(site, "rebound.example")
    options = {"may_connect": lambda address: str(address) == OUTSIDE}

    assert not isinstance(await fetch(url, resolver, **options), Rejection)
    assert "its address is private" in (await fetch(url, resolver, **options)).reason
    assert site.asked == ["/a.html"]


async def test_a_redirect_to_a_private_address_is_rejected():
    async with open_site({"/a.html": page("a")}) as inside:
        moved = Page(status=302, headers={"Location": url_with_host(inside, INSIDE)})
        async with open_site({"/moved": moved}) as outside:
            result = await fetch(
                url_with_host(outside, "outside.example", "/moved"),
                ScriptedResolver(OUTSIDE),
                may_connect=lambda address: str(address) == OUTSIDE,
            )

        assert "its address is private" in result.reason
        assert inside.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "0.0.0.0", "100.64.0.1", "169.254.1.1", "224.0.0.1",
        "168.63.129.16", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1", "::127.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::", "2001:0:a00:1::",
    ],
)  # fmt: skip
def test_private_and_special_addresses_are_not_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700:4700::1111", "::ffff:93.184.215.14"])
def test_internet_addresses_are_public(address):
    assert is_public(ip_address(address))


def test_metadata_services_stay_forbidden_if_private_addresses_are_allowed():
    assert is_not_metadata(ip_address("10.0.0.1"))
    for address in ("169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "168.63.129.16"):
        assert not is_not_metadata(ip_address(address))
