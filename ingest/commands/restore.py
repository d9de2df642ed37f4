"""`python -m ingest restore`: puts a backup into this installation."""

import argparse
from functools import partial
from pathlib import Path

from ingest.backup.restore import restore
from ingest.backup.retention import find_latest
from ingest.commands.base import Commands, add_command_parser
from ingest.settings import Settings
from rag.logs import report

_HELP = """Checks every file of a backup, copies it beside the current collection, compares counts and answers
with the manifest, and then switches to it in one step. If a check fails, nothing changes.

examples:
  python -m ingest restore /backups/monday
  RAG_DATA_DIR=/srv/groundwork python -m ingest restore /backups/monday
  python -m ingest restore /backups/monday --replace      over an existing collection
  python -m ingest restore /backups --latest --check       the drill: everything except the switch
  python -m ingest reindex --rollback                     undo a restore with --replace

needs: the same kind of store (RAG_STORE__KIND) as when the backup was made, and disk space for a second collection."""


def add_command(commands: Commands) -> None:
    command = add_command_parser(commands, "restore", run, "check a backup and switch to it", _HELP)
    command.add_argument("source", type=Path, metavar="SOURCE", help="folder of the backup")
    command.add_argument(
        "--latest", action="store_true", help="SOURCE is the folder of `backup --keep`: take its newest backup"
    )
    command.add_argument(
        "--check", action="store_true", help="restore beside the current collection, compare, and remove it again"
    )
    command.add_argument(
        "--replace", action="store_true", help="replace an existing collection, API keys and drift reference"
    )


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    restored = await restore(
        settings,
        find_latest(arguments.source) if arguments.latest else arguments.source,
        partial(report, "restore"),
        replace=arguments.replace,
        check_only=arguments.check,
    )
    manifest, profile = restored.manifest, restored.manifest.contents
    print(
        f"{profile.documents:,} documents, {profile.chunks:,} chunks as of {manifest.made}, embedded by "
        f"{manifest.embedder.model}; {restored.same_answers} of {len(profile.asked)} questions answered as before"
    )
    return 0
