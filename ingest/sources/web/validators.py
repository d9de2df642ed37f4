"""Convert between HTTP headers and validators, which detect whether a page has changed."""

from collections.abc import Mapping
from typing import Final

_ETAG: Final = "etag:"
_MODIFIED: Final = "modified:"


def validator_of(headers: Mapping[str, str]) -> str:
    """Return `etag:"abc"`, else `modified:<date>`, else ""."""
    if etag := headers.get("ETag", "").strip():
        return _ETAG + etag
    modified = headers.get("Last-Modified", "").strip()
    return _MODIFIED + modified if modified else ""


def to_conditions(validator: str) -> dict[str, str]:
    """Return the headers of a conditional request."""
    if validator.startswith(_ETAG):
        return {"If-None-Match": validator.removeprefix(_ETAG)}
    if validator.startswith(_MODIFIED):
        return {"If-Modified-Since": validator.removeprefix(_MODIFIED)}
    return {}
