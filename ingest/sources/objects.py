"""The objects below a prefix of an object store, through fsspec's driver for it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import fsspec

from ingest.settings import Settings
from ingest.sources.base import Rejection, Unit, Unmodified
from ingest.sources.identity import document_id_of
from ingest.sources.selection import Selection
from ingest.sources.stepping import stepped
from ingest.sources.web.fetch_errors import one_line
from rag.errors import InvalidInput, Unavailable
from rag.formats import KINDS, media_type_of
from rag.types import RawDocument

# Whose servers are named by the environment of whoever runs this, or by nobody; never by the URL.
_STORES: Final = frozenset(
    ["abfs", "abfss", "az", "gcs", "github", "gs", "hf", "memory", "oci", "oss", "s3", "s3a", "tos"]
)
_WILDCARD: Final = re.compile(r"[^/]*[*?\[]")
# By what the drivers call that which changes with an object's content.
_CHECKSUMS: Final = ("ETag", "etag", "md5", "sha", "blob_id")


class ObjectSource:
    """Finds the objects of known kinds below a prefix, or one object; credentials are the driver's own affair."""

    def __init__(self, url: str, *, settings: Settings, ignore: Sequence[str] = ()) -> None:
        """`ignore` sees paths relative to the prefix; raises `InvalidInput` where no driver may or can open `url`."""
        scheme, _, path = url.partition("://")
        _require_driver(scheme.lower(), url, allow_private=settings.sources.allow_private)
        wildcard = _WILDCARD.search(path)
        prefix, glob = (path[: wildcard.start()], path[wildcard.start() :]) if wildcard else (path, "")
        self._uri = f"{scheme.lower()}://{prefix.rstrip('/')}"
        self._selection = Selection(ignore=ignore, glob=glob)
        self._max_bytes = settings.max_document_bytes
        self.passed_over = 0

    def count(self) -> None:
        return None

    async def find(self) -> AsyncIterator[Unit | Rejection]:
        async for found in stepped(self._units()):
            yield found

    def covers(self, uri: str) -> bool:
        """What the prefix, the glob and the ignore rules let through."""
        return uri == self._uri or (
            uri.startswith(f"{self._uri}/") and self._selection.reaches(uri.removeprefix(f"{self._uri}/"))
        )

    def _units(self) -> Iterator[Unit | Rejection]:
        try:
            with _translated():
                # An instance of its own: drivers keep what they listed once.
                store, root = fsspec.url_to_fs(self._uri, skip_instance_cache=True)
                for entry in _listed(store, root, self._selection):
                    relative = entry["name"].removeprefix(root).lstrip("/")
                    if not relative or self._selection.reaches(relative):
                        yield self._to_unit(store, relative, entry)
                    else:
                        self.passed_over += self._selection.passes_over(relative)
        except (InvalidInput, Unavailable) as error:
            yield Rejection(uri=self._uri, reason=str(error))

    def _to_unit(self, store: Any, relative: str, entry: Mapping[str, Any]) -> Unit:
        uri = f"{self._uri}/{relative}" if relative else self._uri
        found = _Object(
            uri=uri,
            path=entry["name"],
            size=entry.get("size"),
            validator=next((f"{name}:{entry[name]}" for name in _CHECKSUMS if entry.get(name)), ""),
        )
        return Unit(id=document_id_of(uri), uri=uri, fetch=partial(_fetch, store, found, self._max_bytes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    """What a listing says of one object; `size` in bytes, None where it does not say."""

    uri: str
    path: str
    size: int | None
    validator: str


def _require_driver(scheme: str, url: str, *, allow_private: bool) -> None:
    if "::" in url:
        raise InvalidInput(f"{url} is a chain of URLs; give the URL of an object store or of its objects.")
    if scheme not in _STORES and not allow_private:
        raise InvalidInput(
            f"{scheme}: names its server in the URL, and only http: and https: are kept from private addresses; "
            "RAG_SOURCES__ALLOW_PRIVATE=true allows it."
        )
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise InvalidInput(f"{scheme}: needs a driver that is not installed. {one_line(error)}.") from error


def _listed(store: Any, root: str, selection: Selection) -> Iterator[Mapping[str, Any]]:
    entry = store.info(root)
    if entry["type"] != "directory":
        yield entry
        return
    yield from _listed_flat(store, root) if hasattr(store, "call_s3") else _listed_by_folder(store, root, selection)


def _listed_flat(store: Any, root: str) -> Iterator[Mapping[str, Any]]:
    """S3's own listing, a thousand at a time: s3fs would hold a whole folder, and ask for each folder in turn."""
    bucket, prefix, _ = store.split_path(root)
    place = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else ""}
    is_truncated = True
    while is_truncated:
        page = store.call_s3("list_objects_v2", **place)
        for found in page.get("Contents", ()):
            yield {"name": f"{bucket}/{found['Key']}", "size": found["Size"], "ETag": found["ETag"]}
        is_truncated = page.get("IsTruncated", False)
        place["ContinuationToken"] = page.get("NextContinuationToken", "")


def _listed_by_folder(store: Any, root: str, selection: Selection) -> Iterator[Mapping[str, Any]]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        below = sorted(store.ls(folder, detail=True), key=lambda entry: str(entry["name"]))
        store.invalidate_cache()
        folders = [entry["name"] for entry in below if entry["type"] == "directory"]
        # Some drivers list an empty object that stands for the folder itself.
        yield from (entry for entry in below if entry["type"] != "directory" and entry["name"] != folder)
        waiting += (
            name
            for name in reversed(folders)
            if name.rstrip("/") != folder.rstrip("/") and selection.enters(name.removeprefix(root).strip("/"))
        )


async def _fetch(store: Any, found: _Object, max_bytes: int, validator: str) -> RawDocument | Unmodified:
    media_type = media_type_of(found.path)
    if media_type is None:
        raise InvalidInput(f"unknown kind of file; known are {KINDS}")
    if found.validator and found.validator == validator:
        return Unmodified()
    if found.size is not None and found.size > max_bytes:
        raise InvalidInput(f"larger than the limit of {max_bytes:,} bytes")
    with _translated():
        # It may have grown since. (There is no range of an empty object.)
        body = (
            await asyncio.to_thread(store.cat_file, found.path, start=0, end=max_bytes + 1) if found.size != 0 else b""
        )
    if len(body) > max_bytes:
        raise InvalidInput(f"larger than the limit of {max_bytes:,} bytes")
    return RawDocument(
        id=document_id_of(found.uri), uri=found.uri, media_type=media_type, body=body, validator=found.validator
    )


@contextmanager
def _translated() -> Iterator[None]:
    """Each driver raises what its own library raises, so everything has to be expected."""
    try:
        yield
    except FileNotFoundError as error:
        raise InvalidInput("there is no such object, prefix or bucket") from error
    except PermissionError as error:
        raise InvalidInput(f"access was refused: {one_line(error)}") from error
    except (TypeError, ValueError, NotImplementedError) as error:
        # An address, an option or an operation that the driver does not know (it raises the last for those that it does
        # not have): no later try mends that.
        raise InvalidInput(f"cannot be opened: {one_line(error)}") from error
    except Exception as error:
        # Each driver has its own errors (botocore, google, azure), and none of them need be installed to name them.
        raise Unavailable(f"cannot be reached: {one_line(error)}") from error
