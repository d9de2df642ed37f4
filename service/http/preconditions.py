"""The request headers If-Match and If-None-Match (RFC 9110)."""

import re
from typing import Annotated

from fastapi import Depends, Header

from rag.errors import InvalidInput
from service.documents.changes import Check, Precondition

# An unquoted value is accepted, because shells remove quotes.
_TAG = re.compile(r'\s*(?P<weak>W/)?(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s",]+))\s*')


def to_etag(digest: str) -> str:
    return f'"{digest}"'


async def _precondition(
    if_match: Annotated[
        str | None, Header(description="ETag of the content that the request may change, or `*` for any content.")
    ] = None,
    if_none_match: Annotated[str | None, Header(description="`*`: the request may only create a document.")] = None,
) -> Check | None:
    """Return the check that the headers ask for, None without them."""
    if if_match is None and if_none_match is None:
        return None
    # A weak tag never matches, because If-Match needs a strong one.
    precondition = Precondition(
        match=_digests_in("If-Match", if_match, accept_weak=False),
        none_match=_digests_in("If-None-Match", if_none_match, accept_weak=True),
    )
    return precondition.check


PreconditionDep = Annotated[Check | None, Depends(_precondition)]


def _digests_in(name: str, value: str | None, *, accept_weak: bool) -> frozenset[str] | None:
    """Return the digests of a list of ETags, or an empty set for `*`."""
    if value is None:
        return None
    if value.strip() == "*":
        return frozenset()
    tags = [_TAG.fullmatch(tag) for tag in value.split(",")]
    if not all(tags):
        raise InvalidInput(f'{name} is not valid. Send * or an ETag of the document, such as "0a1b".')
    # The empty digest means a tag that matches nothing.
    return frozenset(
        (tag["quoted"] or tag["bare"] or "-") if accept_weak or not tag["weak"] else "-" for tag in tags if tag
    )
