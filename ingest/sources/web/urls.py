"""Parse, resolve and compare URLs."""

import re
from collections.abc import Sequence
from mimetypes import MimeTypes

import aiohttp
from yarl import URL

from ingest.sources.selection import to_rules
from ingest.sources.web.fetch_errors import one_line
from rag.errors import InvalidInput
from rag.formats import IMAGE_MEDIA_TYPES, media_type_of

_REDIRECTS = {301, 302, 303, 307, 308}
_SCHEMES = {"http", "https"}
_MAX_URL_CHARACTERS = 2_000
_TRACKING = re.compile(
    r"utm_\w+|gclid|dclid|gbraid|wbraid|fbclid|msclkid|yclid|igshid|mc_[ce]id|_ga|_gl|_hsenc|_hsmi|mkt_tok|phpsessid",
    re.IGNORECASE,
)
_SESSION_PATH = re.compile(r";jsessionid=[^/;?]*", re.IGNORECASE)
# Python's own table, because the tables of operating systems differ.
_MIME_TYPES = MimeTypes()
_INDEX_PAGE = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?)$", re.IGNORECASE)


def to_url(text: str) -> URL:
    """Parse an http(s) URL; raises `InvalidInput` if it is not valid or has no host."""
    try:
        url = URL(text)
    except ValueError as error:
        raise InvalidInput(f"{text} is not a valid URL: {one_line(error)}") from error
    if url.scheme not in _SCHEMES or not url.host:
        raise InvalidInput(f"{text} has no host; write it like https://example.org/page.html.")
    return url


def uri_of(url: URL) -> str:
    """Return the document's URI: the URL without credentials and fragment."""
    return str(url.with_user(None).with_fragment(None))


def with_credentials_of(source: URL, url: URL) -> URL:
    """Return `url` with the credentials in the source's URL, if both have the same origin."""
    if url.origin() != source.origin():
        return url
    return url.with_user(source.user).with_password(source.password)


def link_to(base: URL, target: str) -> URL | None:
    """Resolve a link to an http(s) URL without fragment; returns None if it is not one."""
    if len(target) > _MAX_URL_CHARACTERS:
        return None
    try:
        url = base.join(URL(target.strip()))
    except ValueError:
        return None
    return url.with_user(None).with_fragment(None) if url.scheme in _SCHEMES and url.host else None


def without_tracking(url: URL) -> URL:
    """Return the URL without the parameters that say where a reader came from, and without session ids."""
    if ";jsessionid=" in url.raw_path.lower():
        url = url.with_path(_SESSION_PATH.sub("", url.raw_path), encoded=True, keep_query=True)
    tracking = [name for name in url.query if _TRACKING.fullmatch(name)] if url.raw_query_string else []
    return url.without_query_params(*tracking) if tracking else url


def address_key(url: URL) -> str:
    """Return what is equal for the usual spellings of one address: `/a`, `/a/`, `/a/index.html`, http and https."""
    path = _INDEX_PAGE.sub("", url.raw_path).rstrip("/")
    return f"{url.host}:{url.port if not url.is_default_port() else ''}{path}?{url.raw_query_string}"


def redirect_target(url: URL, response: aiohttp.ClientResponse) -> URL | None:
    """Return the target of a redirect, or None without one; raises `InvalidInput` if it is not an http(s) URL."""
    location = response.headers.get("Location", "")
    if response.status not in _REDIRECTS or not location:
        return None
    target = link_to(url, location)
    if target is None:
        raise InvalidInput(f"it redirects to {location[:100]}, which is not an http(s) URL")
    return target


class Folder:
    """The pages of a host below the folder of a URL, and rules that exclude some of them from the source."""

    def __init__(self, url: URL, ignore: Sequence[str]) -> None:
        """`ignore` patterns match paths relative to the folder."""
        self._url = url
        self._ignored = to_rules(ignore)
        self._host = (url.host, url.port if not url.is_default_port() else None)
        self.path = url.raw_path[: url.raw_path.rindex("/") + 1]

    def __contains__(self, url: URL) -> bool:
        # The scheme may differ, because sites that moved to https still link to their http URLs.
        host = (url.host, url.port if not url.is_default_port() else None)
        return host == self._host and url.raw_path.startswith(self.path)

    def ignores(self, url: URL) -> bool:
        return self._ignored.match_file(url.path.removeprefix(URL.build(path=self.path, encoded=True).path))

    def covers(self, uri: str) -> bool:
        """Return True for pages below the folder that no ignore rule excludes."""
        url = link_to(self._url, uri)
        return url is not None and url in self and not self.ignores(url)


def may_be_document(url: URL) -> bool:
    """Return False if the suffix alone shows an unsupported format, such as an archive, or a picture of a page."""
    content_type, compression = _MIME_TYPES.guess_type(url.path)
    if content_type is None or compression:
        return compression is None
    media_type = media_type_of(url.path, content_type)
    return media_type is not None and media_type not in IMAGE_MEDIA_TYPES
