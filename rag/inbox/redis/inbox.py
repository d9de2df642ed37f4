"""The inbox in Redis or Valkey: a stream with a consumer group, and a hash for each entry.

An autoscaler can read the number of waiting entries from the lag of the group `workers` (`XINFO GROUPS`).
`queue.lua` describes the keys and makes every change in one step.
"""

import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

from rag.inbox.base import (
    MAX_ENTRIES,
    DeadLetter,
    InboxStatistics,
    Progress,
    ProgressState,
    Removal,
    Upload,
    WorkerReport,
    key_of,
)
from rag.inbox.folder.files import (
    changed_meanwhile,
    inbox_full,
    parse_header,
    to_content,
    to_dead_letter,
    to_progress,
    to_report,
    unknown_letter,
)
from rag.inbox.redis.queue import RedisQueue, open_queue, translated_errors
from rag.settings import RedisInboxSettings
from rag.types import DocumentId, Scope

_PAGE = 500
_STATES: Mapping[str, ProgressState] = {
    "queued": "queued",
    "processing": "processing",
    "dead": "rejected",
    "empty": "empty",
}


class RedisInbox:
    """The sides of the service and of the operator."""

    def __init__(self, queue: RedisQueue, *, max_entries: int = MAX_ENTRIES) -> None:
        self._queue = queue
        self._max_entries = max_entries

    async def put(self, job: Upload | Removal, *, expected: int | None = None) -> None:
        header, _, body = to_content(job).partition(b"\n")
        document = key_of(job.scope, job.document_id)
        known = "" if expected is None else expected
        match await self._queue.call("put", document, job.scope.tenant, header, body, self._max_entries, known):
            case -1:
                raise changed_meanwhile()
            case 0:
                raise inbox_full(self._max_entries)

    async def progress(self, scope: Scope, document_ids: Collection[DocumentId] | None = None) -> list[Progress]:
        if document_ids is None:
            documents = await self._queue.documents("of", scope.tenant)
        else:
            documents = [key_of(scope, document_id) for document_id in document_ids]
        pages = [await self._progress(documents[start : start + _PAGE]) for start in range(0, len(documents), _PAGE)]
        return [progress for page in pages for progress in page]

    async def statistics(self) -> InboxStatistics:
        async with self._queue.client.pipeline(transaction=True) as reading:
            for state in ("queued", "processing", "dead"):
                reading.zcard(self._queue.key(state))
            for state in ("queued", "processing"):
                reading.zrange(self._queue.key(state), 0, 0, withscores=True)
            reading.time()
            with translated_errors():
                queued, processing, dead, first_queued, first_processing, (seconds, micros) = await reading.execute()
        now = seconds * 1_000_000 + micros
        oldest = min((score for _, score in (*first_queued, *first_processing)), default=now)
        age = max(0.0, (now - oldest) / 1e6)
        return InboxStatistics(queued=queued, processing=processing, dead=dead, oldest_seconds=age)

    async def workers(self) -> list[WorkerReport]:
        return [to_report(json.loads(report)) for report in await self._queue.call("workers")]

    async def dead_letters(self) -> list[DeadLetter]:
        letters = [await self._letter(document) for document in await self._queue.documents("dead")]
        return [letter for letter in letters if letter is not None]

    async def replay(self, letter_id: str) -> None:
        match await self._queue.call("replay", letter_id, self._max_entries):
            case -1:
                raise unknown_letter(letter_id)
            case 0:
                raise inbox_full(self._max_entries)

    async def drop(self, letter_id: str) -> None:
        if not await self._queue.call("drop", letter_id):
            raise unknown_letter(letter_id)

    async def _progress(self, documents: list[str]) -> list[Progress]:
        found = await self._queue.call("progress", *documents)
        return [
            _to_progress(state.decode(), fields, failure, int(order))
            for state, header, failure, order in found
            if (fields := parse_header(header)) is not None
        ]

    async def _letter(self, document: str) -> DeadLetter | None:
        with translated_errors():
            header, failure = await self._queue.client.hmget(self._queue.key("dead", document), ["header", "failure"])
        return to_dead_letter(document, json.loads(header) | json.loads(failure)) if header and failure else None


@asynccontextmanager
async def open_redis_inbox(settings: RedisInboxSettings) -> AsyncIterator[RedisInbox]:
    async with open_queue(settings) as queue:
        yield RedisInbox(queue)


def _to_progress(state: str, header: dict[str, Any], failure: bytes, order: int) -> Progress:
    if failure:
        header = header | {"reason": json.loads(failure)["reason"]}
    return to_progress(_STATES[state], header, order=order)
