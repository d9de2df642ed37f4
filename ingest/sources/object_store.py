"""A source of the objects below a prefix of an object store, listed by fsspec's driver for that store."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import fsspec

from ingest.settings import Settings
from ingest.sources.base import Gone, Rejection, Unit, Unmodified, document_id_of, require_size
from ingest.sources.notes import SourceNotes
from ingest.sources.selection import Selection
from ingest.sources.threaded_iteration import iterate_in_threads
from ingest.sources.web.fetch_errors import one_line
from rag.errors import InvalidInput, Unavailable
from rag.formats import FORMAT_NAMES, media_type_of
from rag.types import RawDocument

# Stores whose server comes from the environment or is fixed, never from the URL, so a URL cannot name a private host.
_STORES_WITHOUT_SERVER = frozenset(
    ["abfs", "abfss", "az", "gcs", "github", "gs", "hf", "memory", "oci", "oss", "s3", "s3a", "tos"]
)
_WILDCARD = re.compile(r"[^/]*[*?\[]")
# The drivers' names for a checksum of the content.
_CHECKSUMS = ("ETag", "etag", "md5", "sha", "blob_id")


class ObjectStoreSource:
    """A source of the supported objects below a prefix, or of one object; the driver finds its own credentials."""

    def __init__(self, url: str, *, settings: Settings, ignore: Sequence[str] = ()) -> None:
        """Open the source; raises `InvalidInput` if `url` needs a missing driver or is not allowed.

        `ignore` patterns match paths relative to the prefix.
        """
        scheme, _, path = url.partition("://")
        _require_driver(scheme.lower(), url, allow_private=settings.sources.allow_private)
        wildcard = _WILDCARD.search(path)
        prefix, glob = (path[: wildcard.start()], path[wildcard.start() :]) if wildcard else (path, "")
        self._uri = f"{scheme.lower()}://{prefix.rstrip('/')}"
        self._selection = Selection(ignore=ignore, glob=glob, images=settings.parser_service.url is not None)
        self._max_bytes = settings.max_document_bytes
        self._unlisted = _Unlisted()
        self.notes = SourceNotes()

    def count(self) -> None:
        return None

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        self.notes = SourceNotes()
        self._unlisted = _Unlisted()
        async for unit in iterate_in_threads(self._units()):
            yield unit

    def covers(self, uri: str) -> bool:
        """Return True if the prefix, the glob and the ignore rules include `uri`."""
        return uri == self._uri or (
            uri.startswith(f"{self._uri}/") and self._selection.includes_path(uri.removeprefix(f"{self._uri}/"))
        )

    async def is_gone(self, uri: str) -> bool:
        return not self._unlisted.includes(uri.removeprefix(self._uri).lstrip("/"))

    def _units(self) -> Iterator[Unit | Rejection]:
        try:
            with _driver_errors():
                # A new instance, because drivers cache listings for the life of the process.
                store, root = fsspec.url_to_fs(self._uri, skip_instance_cache=True)
                for entry in self._entries(store, root):
                    if isinstance(entry, Rejection):
                        yield entry
                        continue
                    relative = entry["name"].removeprefix(root).lstrip("/")
                    if not relative or self._selection.includes_path(relative):
                        yield self._to_unit(store, relative, entry)
                    elif kind := self._selection.excludes_path(relative):
                        self.notes.pass_over(kind, f"{self._uri}/{relative}")
        except (InvalidInput, Unavailable) as error:
            self._unlisted.rest = True
            yield Rejection(uri=self._uri, reason=str(error))

    def _entries(self, store: Any, root: str) -> Iterator[Mapping[str, Any] | Rejection]:
        entry = store.info(root)
        if entry["type"] != "directory":
            yield entry
        elif hasattr(store, "call_s3"):
            for entry in _listed_flat(store, root):
                # Keys come in order, so an error later in the listing hides only what follows.
                self._unlisted.last_listed = entry["name"].removeprefix(root).lstrip("/")
                yield entry
        else:
            yield from self._listed_by_folder(store, root)

    def _listed_by_folder(self, store: Any, root: str) -> Iterator[Mapping[str, Any] | Rejection]:
        waiting = [root]
        while waiting:
            folder = waiting.pop()
            try:
                with _driver_errors():
                    entries = sorted(store.ls(folder, detail=True), key=lambda entry: str(entry["name"]))
            except (InvalidInput, Unavailable) as error:
                if folder == root:
                    raise
                relative = folder.removeprefix(root).strip("/")
                self._unlisted.folders.add(relative)
                yield Rejection(uri=f"{self._uri}/{relative}", reason=str(error))
                continue
            store.invalidate_cache()
            # Some drivers list an empty object that represents the folder itself.
            yield from (entry for entry in entries if entry["type"] != "directory" and entry["name"] != folder)
            waiting += reversed([entry["name"] for entry in entries if self._is_selected(entry, folder, root)])

    def _is_selected(self, entry: Mapping[str, Any], parent: str, root: str) -> bool:
        if entry["type"] != "directory" or entry["name"].rstrip("/") == parent.rstrip("/"):
            return False
        relative = entry["name"].removeprefix(root).strip("/")
        if kind := self._selection.excludes_folder(relative):
            self.notes.pass_over(kind, f"{self._uri}/{relative}/")
        return self._selection.includes_folder(relative)

    def _to_unit(self, store: Any, relative: str, entry: Mapping[str, Any]) -> Unit:
        uri = f"{self._uri}/{relative}" if relative else self._uri
        stored = _Object(
            uri=uri,
            path=entry["name"],
            size=entry.get("size"),
            validator=next((f"{name}:{entry[name]}" for name in _CHECKSUMS if entry.get(name)), ""),
        )
        return Unit(id=document_id_of(uri), uri=uri, fetch=partial(_fetch, store, stored, self._max_bytes))


@dataclass(slots=True)
class _Unlisted:
    """The places below the prefix that the last listing could not see."""

    folders: set[str] = field(default_factory=set)
    rest: bool = False
    """True if the listing ended early."""
    last_listed: str = ""
    """The last key that was seen, if keys are listed in order."""

    def includes(self, relative: str) -> bool:
        if self.rest and relative > self.last_listed:
            return True
        return not self.folders.isdisjoint(map(str, PurePosixPath(relative).parents))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    """An object as the store lists it."""

    uri: str
    path: str
    size: int | None
    """Bytes; None if the listing has no sizes."""
    validator: str


def _require_driver(scheme: str, url: str, *, allow_private: bool) -> None:
    if "::" in url:
        raise InvalidInput(f"{url} is a chain of URLs, which is not supported; give the URL of one object store.")
    if scheme not in _STORES_WITHOUT_SERVER and not allow_private:
        raise InvalidInput(
            f"{scheme}: URLs can name a server with a private address, which is not checked for this scheme; "
            "set RAG_SOURCES__ALLOW_PRIVATE=true to allow it."
        )
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise InvalidInput(f"{scheme}: needs a driver that is not installed: {one_line(error)}.") from error


def _listed_flat(store: Any, root: str) -> Iterator[Mapping[str, Any]]:
    """List with S3's own call, 1,000 objects at a time.

    s3fs would keep a whole folder in memory and send a request per folder.
    """
    bucket, prefix, _ = store.split_path(root)
    request = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else ""}
    is_truncated = True
    while is_truncated:
        page = store.call_s3("list_objects_v2", **request)
        for entry in page.get("Contents", ()):
            yield {"name": f"{bucket}/{entry['Key']}", "size": entry["Size"], "ETag": entry["ETag"]}
        is_truncated = page.get("IsTruncated", False)
        request["ContinuationToken"] = page.get("NextContinuationToken", "")


async def _fetch(store: Any, stored: _Object, max_bytes: int, validator: str) -> RawDocument | Unmodified:
    media_type = media_type_of(stored.path)
    if media_type is None:
        raise InvalidInput(f"unsupported file format; supported are {FORMAT_NAMES}")
    if stored.validator and stored.validator == validator:
        return Unmodified()
    require_size(stored.size or 0, max_bytes)
    with _driver_errors():
        # The object may have grown since the listing. An empty object does not support range requests.
        body = (
            await asyncio.to_thread(store.cat_file, stored.path, start=0, end=max_bytes + 1)
            if stored.size != 0
            else b""
        )
    require_size(len(body), max_bytes)
    return RawDocument(
        id=document_id_of(stored.uri), uri=stored.uri, media_type=media_type, body=body, validator=stored.validator
    )


@contextmanager
def _driver_errors() -> Iterator[None]:
    """Convert the errors of any driver to `InvalidInput` or `Unavailable`."""
    try:
        yield
    except FileNotFoundError as error:
        raise Gone("the object, prefix or bucket does not exist") from error
    except PermissionError as error:
        raise InvalidInput(f"access denied; check the credentials of the object store: {one_line(error)}") from error
    except (TypeError, ValueError, NotImplementedError) as error:
        # The driver does not support the address, an option or an operation. A retry cannot succeed.
        raise InvalidInput(f"cannot be opened: {one_line(error)}") from error
    except Exception as error:  # Each driver has its own exceptions, which exist only if the driver is installed.
        raise Unavailable(f"cannot be reached: {one_line(error)}") from error
