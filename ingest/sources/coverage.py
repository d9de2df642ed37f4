"""Decides which stored documents belong to a source, although the source may not exist any more."""

from collections.abc import Callable
from pathlib import Path

from ingest.settings import Settings
from ingest.sources.base import Rejection
from ingest.sources.factory import build_source, path_of
from ingest.sources.files import relative_path, split_glob
from ingest.sources.json_lines import JsonLinesSource
from ingest.sources.selection import Selection
from ingest.sources.web.fetching import Fetcher
from rag.errors import InvalidInput
from rag.types import DocumentId

Covers = Callable[[DocumentId, str], bool]
"""Takes the id and the URI of a stored document, and returns True if it is from the source."""


async def build_coverage(text: str, *, fetcher: Fetcher, settings: Settings) -> Covers:
    """Return whether a stored document is from the source that `text` names; raises `InvalidInput` if it names none.

    A path covers everything at and below it, with the files that rules exclude today.
    """
    if text == "-":
        raise InvalidInput("Standard input has no documents that could be found again. Use --uri-prefix stdin:#.")
    if (path := path_of(text)) is not None:
        return _covers_path(path)
    source = build_source(text, fetcher=fetcher, settings=settings)
    # The lines of a file may name their own ids and URIs, so only its content shows them.
    listed = set[DocumentId]()
    if isinstance(source, JsonLinesSource):
        listed = {unit.id async for unit in source.find() if not isinstance(unit, Rejection)}
    return lambda document_id, uri: source.covers(uri) or document_id in listed


def _covers_path(path: Path) -> Covers:
    folder, glob = (path, "") if path.exists() else split_glob(path)
    roots = {folder.absolute(), folder.resolve()}
    if glob:
        selection = Selection(glob=glob)
        return lambda _, uri: any(
            selection.includes_path(relative) for root in roots if (relative := relative_path(root, uri))
        )
    uris = {root.as_uri() for root in roots}
    # The documents of a file of JSON lines have its URI with a fragment.
    prefixes = tuple(f"{uri.rstrip('/')}{mark}" for uri in uris for mark in "/#")
    return lambda _, uri: uri in uris or uri.startswith(prefixes)
