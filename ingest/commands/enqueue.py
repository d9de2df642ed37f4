"""`python -m ingest enqueue`: puts the documents of sources into the inbox, for workers."""

import argparse
import json
from dataclasses import asdict

from ingest.commands.base import SOME_REJECTED, Commands, add_command_parser
from ingest.commands.selection import SourceSelection, add_selection_arguments, to_selection
from ingest.commands.source_report import SourceReport
from ingest.metrics import RETRIES
from ingest.settings import Settings
from ingest.sources.base import Rejection, Unit, Unmodified
from ingest.sources.web.fetching import open_fetcher
from rag.errors import InvalidInput, Unavailable
from rag.inbox.base import Inbox, Upload
from rag.inbox.factory import open_inbox
from rag.retries import retry
from rag.types import Scope

_FETCH_SECONDS = 20
# A full inbox empties at the speed of the workers, so a large source may have to wait for a long time.
_FULL_INBOX_SECONDS = 3600

_HELP = """Fetches the documents of the sources and puts them into the inbox.
Workers parse, embed and publish them. This command waits while the inbox is full.

examples:
  python -m ingest enqueue docs/
  python -m ingest enqueue sitemap:https://example.org/sitemap.xml --tenant acme
  python -m ingest enqueue docs/ --json && python -m ingest status

needs: the inbox, and at least one worker (`python -m ingest worker`) that reads it. It does not load a model."""


def add_command(commands: Commands) -> None:
    command = add_command_parser(commands, "enqueue", run, "put sources into the inbox, for workers", _HELP)
    add_selection_arguments(command)


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    async with open_inbox(settings.inbox, root=settings.inbox_dir) as inbox:
        enqueued, rejected, report = await _enqueue(to_selection(arguments), settings, inbox)
    if arguments.json:
        counts = {"enqueued": enqueued, "rejected": [asdict(rejection) for rejection in rejected]}
        print(json.dumps(counts | report.to_fields(verbose=False)))
    else:
        lines = [f"  rejected {rejection.uri}: {rejection.reason}" for rejection in rejected]
        lines += report.warning_lines(verbose=False) + report.passed_over_lines(verbose=False)
        print("\n".join([*lines, f"{enqueued} documents enqueued, {len(rejected)} rejected"]))
    return SOME_REJECTED if rejected else 0


async def _enqueue(
    selection: SourceSelection, settings: Settings, inbox: Inbox
) -> tuple[int, list[Rejection], SourceReport]:
    """Return how many documents were enqueued, the rejected ones, and the notes of the sources."""
    enqueued, report = 0, SourceReport()
    async with open_fetcher(settings) as fetcher:
        sources, rejected = selection.build_all(fetcher, settings)
        for name, source in sources.items():
            async for unit in source.find():
                rejection = unit if isinstance(unit, Rejection) else await _put(unit, selection.scope, inbox)
                if rejection:
                    rejected.append(rejection)
                else:
                    enqueued += 1
            report.add(name, source.notes)
    return enqueued, rejected, report


async def _put(unit: Unit, scope: Scope, inbox: Inbox) -> Rejection | None:
    try:
        raw = await retry(RETRIES.labels("fetch"), lambda: unit.fetch(""), seconds=_FETCH_SECONDS)
    except (InvalidInput, Unavailable) as error:
        return Rejection(uri=unit.uri, reason=str(error))
    if isinstance(raw, Unmodified):
        return None
    upload = Upload(scope=scope, document=raw, digest=raw.digest())
    await retry(RETRIES.labels("entry"), lambda: inbox.put(upload), seconds=_FULL_INBOX_SECONDS)
    return None
