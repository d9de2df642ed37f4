"""The worker's half of the inbox in Redis: any number of workers on any number of machines share it.

A claim is kept by showing signs of life: three in the time after which others may take it. A worker that was paused
longer finds its claims lost, and so nothing of what it still holds is written or settled.
"""

import asyncio
import json
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import structlog

from rag.errors import ClaimLost, GroundworkError, Unavailable
from rag.inbox.base import Entry, Removal
from rag.inbox.folder.files import to_content, to_job
from rag.inbox.redis.queue import RedisQueue, open_queue, translated_errors
from rag.settings import RedisInboxSettings
from rag.types import DocumentId, Scope

log = structlog.get_logger()

_SIGNS_OF_LIFE = 3
_FORGOTTEN_SECONDS = 3600


class RedisWorklist:
    """Claims through the consumer group `workers`."""

    def __init__(self, queue: RedisQueue, worker: str, *, claim_seconds: float) -> None:
        self._queue = queue
        self._worker = worker
        self._claim_seconds = claim_seconds
        self._held: dict[str, float] = {}
        """Receipts, and until when nobody else can have taken the entry."""
        self._reached_since: float | None = None

    async def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            waiting, last, due = await self._call("look", self._stale())
            left = deadline - time.monotonic()
            if waiting or left <= 0:
                return bool(waiting)
            next_look = min(left, self._claim_seconds / _SIGNS_OF_LIFE)
            await self._sleep_until_put(last, min(next_look, int(due) / 1e6) if due else next_look)

    async def claim(self) -> Entry | None:
        asked = time.monotonic()
        found = await self._call("claim", self._worker, self._stale())
        if not found:
            return None
        document, claim, attempt, order, header, body = found
        receipt = f"{document.decode()}.{claim.decode()}"
        self._held[receipt] = asked + self._claim_seconds
        try:
            job = to_job(header + b"\n" + body)
        except (ValueError, KeyError) as error:
            await self._bury_damaged(receipt, error)
            return None
        confirm = partial(self._confirm, receipt)
        return Entry(receipt=receipt, job=job, attempt=int(attempt), order=int(order), confirm=confirm)

    async def settle(self, entry: Entry) -> None:
        await self._let_go(entry.receipt, "settle")

    async def retry(self, entry: Entry, *, after: float, counts: bool = True) -> None:
        await self._let_go(entry.receipt, "retry", int(after * 1e6), int(counts))

    async def bury(self, entry: Entry, *, reason: str, trace: str = "") -> None:
        await self._bury(entry.receipt, reason=reason, trace=trace, attempts=entry.attempt)

    async def keep_alive(self, stopped: asyncio.Event) -> None:
        """Shows signs of life until it is stopped, which is no cancellation: redis-py may swallow one."""
        while not stopped.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), self._claim_seconds / _SIGNS_OF_LIFE)
                return
            try:
                await self._renew()
            except GroundworkError as error:
                log.warning("claims_not_renewed", held=len(self._held), reason=str(error))

    async def close(self) -> None:
        """Gives back what is still claimed."""
        for receipt in list(self._held):
            with suppress(ClaimLost, Unavailable):
                await self._let_go(receipt, "retry", 0, 0)

    async def _sleep_until_put(self, last: bytes, seconds: float) -> None:
        with translated_errors():
            await self._queue.client.xread({self._queue.stream: last}, count=1, block=max(1, int(seconds * 1000)))

    async def _renew(self) -> None:
        asked, receipts = time.monotonic(), list(self._held)
        claims = [part for receipt in receipts for part in receipt.split(".")]
        found = await self._call("renew", self._worker, _FORGOTTEN_SECONDS * 1000, *claims)
        lost = {receipt.decode() for receipt in found}
        for receipt in receipts:
            if receipt not in self._held:  # Settled meanwhile.
                continue
            if receipt in lost:
                del self._held[receipt]
                log.warning("claim_lost", entry=receipt)
            else:
                self._held[receipt] = asked + self._claim_seconds

    async def _confirm(self, receipt: str) -> None:
        if self._held.get(receipt, 0.0) < time.monotonic():
            # This process, or Redis, stood still: others may have been here.
            await self._renew()
        if receipt not in self._held:
            raise _claim_lost()

    async def _bury_damaged(self, receipt: str, error: Exception) -> None:
        document = receipt.partition(".")[0]
        log.error("entry_damaged", entry=receipt, reason=str(error))
        header = to_content(Removal(scope=Scope(tenant="unknown"), document_id=DocumentId(document))).strip()
        reason = "The entry is damaged: it cannot be told which document it is."
        await self._bury(receipt, reason=reason, trace=repr(error), attempts=1, header=header)

    async def _bury(self, receipt: str, *, reason: str, trace: str, attempts: int, header: bytes = b"") -> None:
        failed_at = time.time()
        failure = json.dumps({"reason": reason, "trace": trace, "attempts": attempts, "failed_at": failed_at})
        await self._let_go(receipt, "bury", failure, failed_at, header)

    async def _let_go(self, receipt: str, change: str, *arguments: str | bytes | int | float) -> None:
        # First of all here: where Redis is away now, nobody shows signs of life for it, and it comes back to somebody.
        self._held.pop(receipt, None)
        if not await self._call(change, *receipt.split("."), *arguments):
            raise _claim_lost()

    async def _call(self, change: str, *arguments: str | bytes | int | float) -> Any:
        try:
            answer = await self._queue.call(change, *arguments)
        except Unavailable:
            self._reached_since = None
            raise
        self._reached_since = self._reached_since or time.monotonic()
        return answer

    def _stale(self) -> int | str:
        """Milliseconds after which a claim may be taken from its worker; nothing while that would be unfair.

        When Redis comes back, everybody's claims look old: the living get the time for two signs of life first.
        """
        now = time.monotonic()
        reached = now - self._reached_since if self._reached_since else 0.0
        is_fair = reached > self._claim_seconds * 2 / _SIGNS_OF_LIFE
        holds_its_own = all(until > now for until in self._held.values())
        return int(self._claim_seconds * 1000) if is_fair and holds_its_own else ""


@asynccontextmanager
async def open_redis_worklist(settings: RedisInboxSettings) -> AsyncIterator[RedisWorklist]:
    """Claims live as long as this block; it opens without Redis, too, and then each call raises `Unavailable`."""
    worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    async with open_queue(settings) as queue:
        worklist = RedisWorklist(queue, worker, claim_seconds=settings.claim_seconds)
        stopped = asyncio.Event()
        keeper = asyncio.create_task(worklist.keep_alive(stopped))
        try:
            yield worklist
        finally:
            stopped.set()
            await keeper
            await worklist.close()


def _claim_lost() -> ClaimLost:
    return ClaimLost("Another worker has the entry by now: this one was not heard of for too long.")
