"""`python -m ingest status`: counts documents and entries of the inbox, and lists the workers."""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from ingest.commands.base import Commands, add_command_parser
from ingest.settings import Settings
from rag.inbox.base import Inbox, InboxStatistics, WorkerReport
from rag.inbox.factory import open_inbox
from rag.store.base import EMPTY, Survey
from rag.store.factory import build_backend

_RATE_SECONDS = 60.0

_HELP = """Shows the size of the collection, the length of the queue, the number of dead letters, and the workers.
A worker is working if it can ingest, also while the queue is empty. A waiting worker says why.

examples:
  python -m ingest status
  python -m ingest status --json | jq .queued
  python -m ingest status --json | jq '.workers[] | select(.state == "waiting")'

needs: read access to the collection and the inbox. It loads no model and waits for no lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The collection and the inbox at one moment, over all tenants."""

    collection: Survey
    inbox: InboxStatistics
    workers: Sequence[WorkerReport]
    """The latest report of each living worker."""

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
            | {"workers": [{"state": _state_of(report)} | asdict(report) for report in self.workers]}
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
            "oldest entry": f"{self.inbox.oldest_seconds:.0f} s",
            "dead letters": f"{self.inbox.dead:,}",
            "workers": f"{len(self.workers):,}" if self.workers else "none is running",
        }
        lines = [f"{name:<17}{value}" for name, value in rows.items()]
        for number, report in enumerate(self.workers, start=1):
            reason = f": {report.waiting_for}" if report.waiting_for else ""
            lines.append(f"{f'  worker {number}':<17}{_state_of(report)}{reason}")
        return "\n".join(lines)


def add_command(commands: Commands) -> None:
    command = add_command_parser(
        commands, "status", run, "count documents, chunks and queue entries, and list the workers", _HELP
    )
    command.add_argument("--json", action="store_true", help="print the status as one JSON object")


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    async with open_inbox(settings.inbox, root=settings.inbox_dir) as inbox:
        status = await read_status(settings, inbox)
    print(status.to_json() if arguments.json else status.to_text())
    return 0


async def read_status(settings: Settings, inbox: Inbox) -> Status:
    """Return the current status; it neither loads a model nor creates a collection."""
    # The inbox is read first, because documents move from there to the collection.
    # In the other order a document that moves in between would be missing from both counts.
    statistics, workers = await inbox.statistics(), await inbox.workers()
    async with build_backend(settings.store, root=settings.store_dir).open_catalogue() as catalogue:
        survey = await catalogue.survey(since=time.time() - _RATE_SECONDS) if catalogue else EMPTY
    return Status(collection=survey, inbox=statistics, workers=workers)


def _state_of(report: WorkerReport) -> str:
    return "waiting" if report.waiting_for else "working"
