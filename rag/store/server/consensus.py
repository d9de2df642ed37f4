"""Calls on which the nodes of a Qdrant cluster must agree: they take long, and after a timeout they may be done."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from qdrant_client import AsyncQdrantClient

from rag.errors import GroundworkError, RequestRejected, Unavailable
from rag.store.server.answers import translated_errors

CALL_SECONDS = 60
"""Time limit of one such call. Three nodes need more than ten seconds while one of them hangs (docs/adr/0058)."""
_LIMIT_SECONDS = 180.0
_JOIN_SECONDS = 60.0
_POLL_SECONDS = 0.5


async def until_done(call: Callable[[], Awaitable[Any]], is_done: Callable[[], Awaitable[bool]] | None = None) -> None:
    """Call until it is done, for three minutes at most.

    After an error, `is_done` checks whether the call was done nevertheless. Without it, the call is made again.
    """
    deadline = time.monotonic() + _LIMIT_SECONDS
    while True:
        try:
            with translated_errors():
                await call()
            return
        except (Unavailable, RequestRejected) as error:  # The latter if another process did it at the same moment.
            if is_done and await _ask(is_done):
                return
            if not error.retryable:
                raise
            if time.monotonic() > deadline:
                raise type(error)(
                    f"{error} The last change may have been done all the same. "
                    "Check `python -m ingest status` before you run the command again.",
                    upstream=error.upstream,
                ) from error
        await asyncio.sleep(_POLL_SECONDS)


async def require_nodes(client: AsyncQdrantClient, expected: int, *, seconds: float = _JOIN_SECONDS) -> None:
    """Wait until so many nodes have joined the cluster; raises `Unavailable` after a minute."""
    deadline = time.monotonic() + seconds
    while (joined := await _count_nodes(client)) < expected:
        if time.monotonic() > deadline:
            raise Unavailable(
                f"Only {joined} of {expected} nodes have joined the Qdrant cluster. A collection that is created now "
                "would have too few copies permanently. Start the other nodes, or decrease RAG_STORE__NODES."
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _ask(is_done: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await is_done()
    except GroundworkError:
        return False


async def _count_nodes(client: AsyncQdrantClient) -> int:
    with translated_errors():
        status = await client.cluster_status()
    return len(getattr(status, "peers", None) or {}) or 1
