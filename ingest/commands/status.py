"""`python -m ingest status`: the collection and its inbox at a glance."""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from ingest.settings import Settings
from rag.inbox.base import Inbox, InboxStatistics
from rag.store.base import EMPTY, Survey
from rag.store.factory import build_backend

_RATE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is in, and what waits."""

    collection: Survey
    inbox: InboxStatistics

    def to_json(self) -> str:
        return json.dumps(
            {
                "tenants": self.collection.tenants,
                "documents": self.collection.documents,
                "chunks": self.collection.chunks,
                "last_success": self.collection.newest,
                "chunks_per_second": round(self.collection.recent_chunks / _RATE_SECONDS, 2),
            }
            | asdict(self.inbox)
        )

    def to_text(self) -> str:
        newest = self.collection.newest
        last = f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M:%S} UTC" if newest else "never"
        rate = self.collection.recent_chunks / _RATE_SECONDS
        rows = {
            "documents": f"{self.collection.documents:,}",
            "chunks": f"{self.collection.chunks:,}",
            "tenants": f"{len(self.collection.tenants):,}",
            "newest document": last,
            "rate": f"{rate:.1f} chunks/s over the last minute",
            "queued": f"{self.inbox.queued:,}",
            "processing": f"{self.inbox.processing:,}",
            "oldest": f"{self.inbox.oldest_seconds:.0f} s",
            "dead letters": f"{self.inbox.dead:,}",
        }
        return "\n".join(f"{name:<17}{value}" for name, value in rows.items())


async def read_status(settings: Settings, inbox: Inbox) -> Status:
    """Loads no model, and creates no collection."""
    # In the order in which documents move, so that whoever waits for an empty queue finds in what came out of it.
    waiting = await inbox.statistics()
    async with build_backend(settings.store, root=settings.store_dir).open_catalogue() as catalogue:
        survey = await catalogue.survey(since=time.time() - _RATE_SECONDS) if catalogue else EMPTY
    return Status(collection=survey, inbox=waiting)
