"""Choose the source by the form of its name: a path, a URL or a prefix such as `crawl:`."""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import fsspec

from ingest.settings import Settings
from ingest.sources.base import Rejection, Source, Unit, Unmodified
from ingest.sources.files import FileSource
from ingest.sources.json_lines import JsonLinesSource
from ingest.sources.notes import SourceNotes
from ingest.sources.object_store import ObjectStoreSource
from ingest.sources.web.crawl import CrawlSource
from ingest.sources.web.fetching import Fetcher
from ingest.sources.web.page import PageSource
from ingest.sources.web.sitemap import SitemapSource
from ingest.sources.web.urls import to_url
from rag.errors import InvalidInput
from rag.metadata import NOTHING
from rag.types import RawDocument

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/")
_PREFIX = re.compile(r"(sitemap|crawl|jsonl):(.+)", re.DOTALL)
_SITEMAP = re.compile(r"sitemap[^/]*\.xml(\.gz)?")
_JSON_LINES_SUFFIXES = {".jsonl", ".ndjson"}


def build_source(
    text: str,
    *,
    fetcher: Fetcher,
    settings: Settings,
    ignore: Sequence[str] = (),
    metadata: Mapping[str, str] = NOTHING,
) -> Source:
    """Return the source that `text` names; raises `InvalidInput` if it names none.

    `ignore` holds patterns in gitignore syntax.
    """
    source = _build(text, fetcher, settings, ignore)
    return _SourceWithMetadata(source, metadata) if metadata else source


def path_of(text: str) -> Path | None:
    """Return the path that `text` names, or None if it names another kind of source or a file of JSON lines."""
    kind, value = _kind_of(text)
    is_missing = kind == "jsonl" and not _expanded(value).exists()
    return _expanded(value) if kind == "path" or is_missing else None


def _build(text: str, fetcher: Fetcher, settings: Settings, ignore: Sequence[str]) -> Source:
    max_bytes = settings.max_document_bytes
    match _kind_of(text):
        case "sitemap", url:
            return SitemapSource(url, fetcher=fetcher, settings=settings, ignore=ignore)
        case "crawl", url:
            return CrawlSource(url, fetcher=fetcher, settings=settings, ignore=ignore)
        case "page", url:
            return PageSource(url, fetcher=fetcher, max_bytes=max_bytes)
        case "objects", url:
            return ObjectStoreSource(url, settings=settings, ignore=ignore)
        case "jsonl", path:
            return JsonLinesSource(_expanded(path) if path != "-" else None, max_bytes=max_bytes)
        case _, path:
            images = settings.parser_service.url is not None
            return FileSource(_expanded(path), max_bytes=max_bytes, ignore=ignore, images=images)


def _kind_of(text: str) -> tuple[str, str]:
    """Return the kind of source and its path or URL."""
    if not text.strip():
        # An unset variable in a script expands to "", which as a path would ingest the current folder.
        raise InvalidInput("The name of a source is empty; write . for the current folder.")
    if prefixed := _PREFIX.fullmatch(text):
        return prefixed[1], prefixed[2]
    scheme_found = _SCHEME.match(text)
    match scheme_found[1].lower() if scheme_found else "":
        case "http" | "https":
            is_sitemap = _SITEMAP.fullmatch(PurePosixPath(to_url(text).path).name)
            return ("sitemap" if is_sitemap else "page"), text
        case "file":
            return _kind_of(str(_path_in(text)))
        case "":
            has_suffix = PurePosixPath(text).suffix.lower() in _JSON_LINES_SUFFIXES
            return ("jsonl" if text == "-" or (has_suffix and _expanded(text).is_file()) else "path"), text
        case scheme if scheme in fsspec.available_protocols():
            return "objects", text
        case unknown:
            raise InvalidInput(
                f"{unknown}: is not a known kind of source; give a path, a glob, a file:, http: or https: URL, "
                "sitemap:URL, crawl:URL, jsonl:PATH, an object store's URL such as s3://bucket/folder, "
                "or - for JSON lines on standard input."
            )


def _path_in(file_url: str) -> Path:
    try:
        parts = urlsplit(file_url)
    except ValueError as error:
        raise InvalidInput(f"{file_url} is not a valid URL: {error}; write file:///absolute/path.") from error
    if not parts.path:
        raise InvalidInput(f"{file_url} has no path; write file:///absolute/path.")
    if parts.netloc not in {"", "localhost"}:
        raise InvalidInput(f"{file_url} names another machine; write file:///absolute/path.")
    return Path(unquote(parts.path))


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InvalidInput(f"{path} names the home folder of an unknown user; give the absolute path.") from error


class _SourceWithMetadata:
    """A source that adds metadata to the documents of another source and overrides their own values."""

    def __init__(self, source: Source, metadata: Mapping[str, str]) -> None:
        self._source = source
        self._metadata = metadata
        pairs = "\n".join(f"{key}={value}" for key, value in sorted(metadata.items()))
        # Part of the validator, or an unchanged document would keep its old metadata.
        self._prefix = f"metadata:{hashlib.sha256(pairs.encode()).hexdigest()[:16]} "

    @property
    def notes(self) -> SourceNotes:
        return self._source.notes

    def count(self) -> int | None:
        return self._source.count()

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        async for unit in self._source.find():
            yield unit if isinstance(unit, Rejection) else replace(unit, fetch=partial(self._fetch, unit))

    def covers(self, uri: str) -> bool:
        return self._source.covers(uri)

    async def is_gone(self, uri: str) -> bool:
        return await self._source.is_gone(uri)

    async def _fetch(self, unit: Unit, validator: str) -> RawDocument | Unmodified:
        raw = await unit.fetch(validator.removeprefix(self._prefix) if validator.startswith(self._prefix) else "")
        if isinstance(raw, Unmodified):
            return raw
        prefixed = f"{self._prefix}{raw.validator}" if raw.validator else ""
        return replace(raw, metadata={**raw.metadata, **self._metadata}, validator=prefixed)
