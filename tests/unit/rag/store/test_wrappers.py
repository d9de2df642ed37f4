"""Wrappers of a store ask it for the same order of documents as their callers."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import Counter

from rag.settings import EdgeStoreSettings
from rag.store.retrying import RetryingStore
from rag.store.traced import TracedReader
from rag.types import ChunkFilter, Scope
from tests.support.contracts.store import OURS


class Ordered:
    """A store whose only document is the order in which the caller wants documents."""

    async def documents(self, scope: Scope, where: ChunkFilter, *, newest_first: bool) -> AsyncIterator[str]:
        assert (scope, where) == (OURS, ChunkFilter())
        yield "newest first" if newest_first else "any"


@pytest.mark.parametrize(
    "wrapper",
    [
        TracedReader(Ordered(), EdgeStoreSettings()),
        RetryingStore(Ordered(), Counter("retries", "Retries.", registry=None)),
    ],
    ids=["traced", "retrying"],
)
async def test_documents_are_listed_newest_first_only_where_the_caller_wants_that(wrapper):
    assert [it async for it in wrapper.documents(OURS)] == ["any"]
    assert [it async for it in wrapper.documents(OURS, newest_first=True)] == ["newest first"]
