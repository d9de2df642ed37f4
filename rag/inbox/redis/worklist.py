"""The worker's side of the inbox in Redis, which any number of workers on any number of machines share.

A worker keeps its claims by heartbeats, three in each `claim_seconds`. If it is paused for longer, other workers may
take its entries. Its claims are then lost, so it neither writes nor acknowledges them.
"""

import asyncio
import json
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import Any

import structlog

from rag.errors import ClaimLost, GroundworkError, IndexMismatch, Unavailable
from rag.inbox.base import DAMAGED, REPORT_VALID_SECONDS, Entry, Removal, WorkerReport
from rag.inbox.folder.files import REFUSED_SECONDS, to_content, to_job
from rag.inbox.redis.queue import RedisQueue, open_queue, translated_errors
from rag.settings import RedisInboxSettings
from rag.tasks import depend_on
from rag.types import DocumentId, Scope

log = structlog.get_logger()

_HEARTBEATS = 3
_FORGET_WORKER_SECONDS = 3600


class RedisWorklist:
    """Claims entries through the consumer group `workers`."""

    def __init__(self, queue: RedisQueue, worker: str, *, claim_seconds: float) -> None:
        self._queue = queue
        self._worker = worker
        self._claim_seconds = claim_seconds
        self._claims: dict[str, float] = {}
        """Receipts, and the `time.monotonic()` until which no other worker can take the entry."""
        self._connected_since: float | None = None

    async def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            waiting, last, due = await self._call("look", self._stale())
            left = deadline - time.monotonic()
            if waiting or left <= 0:
                return bool(waiting)
            next_look = min(left, self._claim_seconds / _HEARTBEATS)
            await self._sleep_until_put(last, min(next_look, int(due) / 1e6) if due else next_look)

    async def claim(self) -> Entry | None:
        called = time.monotonic()
        found = await self._call("claim", self._worker, self._stale())
        if not found:
            return None
        document, claim, attempt, order, header, body = found
        receipt = f"{document.decode()}.{claim.decode()}"
        self._claims[receipt] = called + self._claim_seconds
        try:
            job = to_job(header + b"\n" + body)
        except IndexMismatch as error:
            log.error("entry_refused", entry=receipt, reason=str(error))
            await self._release(receipt, "retry", int(REFUSED_SECONDS * 1e6), 0)
            return None
        except (ValueError, KeyError) as error:
            await self._dead_letter_damaged(receipt, error)
            return None
        confirm = partial(self._confirm, receipt)
        return Entry(receipt=receipt, job=job, attempt=int(attempt), order=int(order), confirm=confirm)

    async def acknowledge(self, entry: Entry) -> None:
        await self._release(entry.receipt, "settle")

    async def set_aside(self, entry: Entry, *, reason: str) -> None:
        await self._release(entry.receipt, "set_aside", json.dumps({"reason": reason}))

    async def retry(self, entry: Entry, *, after: float, counts: bool = True) -> None:
        await self._release(entry.receipt, "retry", int(after * 1e6), int(counts))

    async def dead_letter(self, entry: Entry, *, reason: str, trace: str = "") -> None:
        await self._write_dead_letter(entry.receipt, reason=reason, trace=trace, attempts=entry.attempt)

    async def report(self, report: WorkerReport) -> None:
        await self._call("report", self._worker, json.dumps(asdict(report)), int(REPORT_VALID_SECONDS * 1e6))

    async def keep_alive(self) -> None:
        """Send heartbeats until cancelled."""
        while True:
            await asyncio.sleep(self._claim_seconds / _HEARTBEATS)
            try:
                await self._renew()
            except GroundworkError as error:
                log.warning("claims_not_renewed", claims=len(self._claims), reason=error.describe())

    async def close(self) -> None:
        """Return all claims to the queue, and say that this worker has left."""
        for receipt in list(self._claims):
            with suppress(GroundworkError):
                await self._release(receipt, "retry", 0, 0)
        with suppress(GroundworkError):
            await self._call("leave", self._worker)

    async def _sleep_until_put(self, last: bytes, seconds: float) -> None:
        with translated_errors():
            await self._queue.client.xread({self._queue.stream: last}, count=1, block=max(1, int(seconds * 1000)))

    async def _renew(self) -> None:
        called, receipts = time.monotonic(), list(self._claims)
        claims = [part for receipt in receipts for part in receipt.split(".")]
        found = await self._call("renew", self._worker, _FORGET_WORKER_SECONDS * 1000, *claims)
        lost = {receipt.decode() for receipt in found}
        for receipt in receipts:
            if receipt not in self._claims:  # Acknowledged meanwhile.
                continue
            if receipt in lost:
                del self._claims[receipt]
                log.warning("claim_lost", entry=receipt)
            else:
                self._claims[receipt] = called + self._claim_seconds

    async def _confirm(self, receipt: str) -> None:
        if self._claims.get(receipt, 0.0) < time.monotonic():
            # This process or Redis was paused, so another worker may have claimed the entry.
            await self._renew()
        if receipt not in self._claims:
            raise _claim_lost()

    async def _dead_letter_damaged(self, receipt: str, error: Exception) -> None:
        document = receipt.partition(".")[0]
        log.error("entry_damaged", entry=receipt, error=type(error).__name__)
        header = to_content(Removal(scope=Scope(tenant="unknown"), document_id=DocumentId(document))).strip()
        await self._write_dead_letter(receipt, reason=DAMAGED, trace=repr(error), attempts=1, header=header)

    async def _write_dead_letter(
        self, receipt: str, *, reason: str, trace: str, attempts: int, header: bytes = b""
    ) -> None:
        failed_at = time.time()
        failure = json.dumps({"reason": reason, "trace": trace, "attempts": attempts, "failed_at": failed_at})
        await self._release(receipt, "bury", failure, failed_at, header)

    async def _release(self, receipt: str, change: str, *arguments: str | bytes | int | float) -> None:
        # Removed first: if Redis is unreachable now, the heartbeats stop and another worker gets the entry.
        self._claims.pop(receipt, None)
        if not await self._call(change, *receipt.split("."), *arguments):
            raise _claim_lost()

    async def _call(self, change: str, *arguments: str | bytes | int | float) -> Any:
        try:
            answer = await self._queue.call(change, *arguments)
        except Unavailable:
            self._connected_since = None
            raise
        self._connected_since = self._connected_since or time.monotonic()
        return answer

    def _stale(self) -> int | str:
        """Return the milliseconds after which claims of other workers are stale, or "" to take none.

        When Redis comes back, all claims look stale. Living workers first get the time for two heartbeats.
        """
        now = time.monotonic()
        connected = now - self._connected_since if self._connected_since else 0.0
        had_time_to_renew = connected > self._claim_seconds * 2 / _HEARTBEATS
        has_valid_claims = all(until > now for until in self._claims.values())
        return int(self._claim_seconds * 1000) if had_time_to_renew and has_valid_claims else ""


@asynccontextmanager
async def open_redis_worklist(settings: RedisInboxSettings) -> AsyncIterator[RedisWorklist]:
    """Open the worklist. Claims end with this block. Without Redis, it opens and each call raises `Unavailable`."""
    worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    async with open_queue(settings) as queue:
        worklist = RedisWorklist(queue, worker, claim_seconds=settings.claim_seconds)
        try:
            async with depend_on("claim_heartbeats", worklist.keep_alive()):
                yield worklist
        finally:
            await worklist.close()


def _claim_lost() -> ClaimLost:
    return ClaimLost(
        "Another worker may have the entry, because this worker sent no heartbeat for RAG_INBOX__CLAIM_SECONDS."
    )
