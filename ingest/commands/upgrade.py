"""`python -m ingest upgrade`: brings what an earlier version stored to this version's formats."""

import argparse
import sys
from collections import Counter

from ingest.commands.base import Commands, add_command_parser
from ingest.migration.upgrade import count_parsed_earlier, parts_of
from ingest.settings import Settings

_HELP = """Brings collection, inbox, API keys and drift reference of any earlier version to the formats of this version.
The collection is copied to the next one with its text and vectors, verified, and switched in one step.
A running service still answers. Nothing is parsed or embedded again.

examples:
  python -m ingest upgrade --dry-run        show what would be done, and how long it takes
  python -m ingest upgrade                  upgrade, or say that there is nothing to do
  python -m ingest reindex --rollback       return to the collection of the earlier version

Run it with the new version, then restart service and workers with the new version. Workers of the earlier version may
run meanwhile. A killed upgrade continues when it is started again.

needs: free disk space, and the right to write the collection. The embedded store needs four times the size of the
collection, a server its size once."""


def add_command(commands: Commands) -> None:
    command = add_command_parser(commands, "upgrade", run, "bring the data of an earlier version to this one", _HELP)
    command.add_argument("--dry-run", action="store_true", help="show what would be done and write nothing")


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    parts = parts_of(settings)
    plans = [await part.plan() for part in parts]
    for plan in plans:
        print(f"{plan.part:<16}{plan.to_text()}", flush=True)
    print(_describe_parsing(await count_parsed_earlier(settings)), flush=True)
    pending = [plan.part for plan in plans if plan.work]
    if arguments.dry_run:
        print(f"To upgrade: {', '.join(pending)}. Nothing was written." if pending else "Nothing to do.")
        return 0
    for part in parts:
        await part.upgrade(lambda line: print(line, file=sys.stderr, flush=True))
    print("Upgraded. Restart service and workers with this version." if pending else "Nothing to do.")
    return 0


def _describe_parsing(parsed_earlier: Counter[str]) -> str:
    """Return a line about the documents, by kind of source, that an earlier version has parsed."""
    line = f"{'parsed again':<16}nothing"
    if not parsed_earlier:
        return line
    total, uploaded = parsed_earlier.total(), parsed_earlier["upload"]
    advice = {
        f"run the sources of {total - uploaded:,} again": total - uploaded,
        f"upload {uploaded:,} again": uploaded,
    }
    return (
        f"{line}. An earlier version parsed {total:,} documents, and they answer as before. "
        f"To parse them with this version, {' and '.join(step for step, count in advice.items() if count)}."
    )
