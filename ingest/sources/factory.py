"""Picks the source by what its name looks like."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import aiohttp

from ingest.sources.base import Source
from ingest.sources.files import FileSource
from ingest.sources.web import WebSource
from rag.errors import InvalidInput

_SCHEME: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):/")


def build_source(text: str, *, session: aiohttp.ClientSession, max_bytes: int) -> Source:
    """A source for a path, a file: URL or an http(s) URL; raises InvalidInput for anything else."""
    match _scheme_of(text):
        case "":
            return FileSource(Path(text).expanduser(), max_bytes=max_bytes)
        case "file":
            return FileSource(_path_of(text), max_bytes=max_bytes)
        case "http" | "https":
            return WebSource(text, session=session, max_bytes=max_bytes)
        case unknown:
            raise InvalidInput(f"{unknown}: is no known kind of source; give a path, or a file:, http: or https: URL.")


def _scheme_of(text: str) -> str:
    found = _SCHEME.match(text)
    return found[1].lower() if found else ""


def _path_of(file_url: str) -> Path:
    parts = urlsplit(file_url)
    if parts.netloc not in {"", "localhost"}:
        raise InvalidInput(f"{file_url} names another machine; write file:///absolute/path.")
    return Path(unquote(parts.path))
