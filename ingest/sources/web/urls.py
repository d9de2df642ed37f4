"""URLs as they are asked for, stored and compared."""

from typing import Final

import aiohttp
from yarl import URL

from ingest.sources.web.fetch_errors import one_line
from rag.errors import InvalidInput

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_SCHEMES: Final = {"http", "https"}
_MAX_LENGTH: Final = 2_000


def to_url(text: str) -> URL:
    """Raises `InvalidInput` where `text` is no http(s) URL with a host."""
    try:
        url = URL(text)
    except ValueError as error:
        raise InvalidInput(f"{text} is not a URL that can be fetched: {one_line(error)}") from error
    if url.scheme not in _SCHEMES or not url.host:
        raise InvalidInput(f"{text} names no host; write it like https://example.org/page.html.")
    return url


def uri_of(url: URL) -> str:
    """What is stored and shown: it names the page, not who may read it nor a place on it."""
    return str(url.with_user(None).with_fragment(None))


def with_credentials_of(giver: URL, url: URL) -> URL:
    """The same URL with the user and password that the source was given, where it lies on the same server."""
    if url.origin() != giver.origin():
        return url
    return url.with_user(giver.user).with_password(giver.password)


def link_to(base: URL, target: str) -> URL | None:
    """The http(s) URL that a link on a page means, without fragment; None where it means none."""
    if len(target) > _MAX_LENGTH:
        return None
    try:
        url = base.join(URL(target.strip()))
    except ValueError:
        return None
    return url.with_user(None).with_fragment(None) if url.scheme in _SCHEMES and url.host else None


def to_redirected(url: URL, response: aiohttp.ClientResponse) -> URL | None:
    """Where the server sends us, None where it does not; raises `InvalidInput` for what is not on the web."""
    location = response.headers.get("Location", "")
    if response.status not in _REDIRECTS or not location:
        return None
    target = link_to(url, location)
    if target is None:
        raise InvalidInput(f"it redirects to {location[:100]}, which cannot be fetched")
    return target


class Folder:
    """The part of a host that lies below a URL's own folder."""

    def __init__(self, url: URL) -> None:
        self._host = (url.host, url.port if not url.is_default_port() else None)
        self.path = url.raw_path[: url.raw_path.rindex("/") + 1]

    def __contains__(self, url: URL) -> bool:
        # Over http or https: sites that moved to https still name their old addresses.
        host = (url.host, url.port if not url.is_default_port() else None)
        return host == self._host and url.raw_path.startswith(self.path)

    def path_of(self, url: URL) -> str:
        """The URL's path, relative to this folder and decoded, as ignore rules see it."""
        return url.path.removeprefix(URL.build(path=self.path, encoded=True).path)
