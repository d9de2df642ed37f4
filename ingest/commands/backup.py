"""`python -m ingest backup`: copies the data of an installation to a folder."""

import argparse
from functools import partial
from pathlib import Path

from ingest.backup.backup import back_up
from ingest.backup.retention import delete_all_but, next_backup
from ingest.commands.base import Commands, add_command_parser
from ingest.settings import Settings
from rag.errors import InvalidInput
from rag.logs import report

_HELP = """Copies the published collection, the folder inbox, conversations and feedback, API keys and the
drift reference to a new folder.
Service and workers keep running. The folder appears under its name only when it is complete.

examples:
  python -m ingest backup /backups/monday
  python -m ingest backup /backups --keep 14      a new folder with the time as its name; deletes all but 14
  python -m ingest backup /backups/$(date +%F) && rsync -a /backups/ store.example.org:/backups/

An inbox or shared state in Redis is not included: back up Redis with its own tools. Exported models are not included:
`python -m ingest export` creates them again.

needs: a folder that does not exist or is empty, and as much free disk space as RAG_DATA_DIR uses."""


def add_command(commands: Commands) -> None:
    command = add_command_parser(
        commands, "backup", run, "copy collection, inbox, state, keys and drift reference to a folder", _HELP
    )
    command.add_argument("target", type=Path, metavar="DEST", help="folder to create")
    command.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="make the backup in a new folder inside DEST, and delete all but the N newest of these folders",
    )


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    keep: int | None = arguments.keep
    if keep is not None and keep < 1:
        raise InvalidInput(f"--keep is {keep}, but the new backup itself must stay. Give 1 or more.")
    target = arguments.target if keep is None else next_backup(arguments.target)
    manifest = await back_up(settings, target, partial(report, "backup"))
    print(
        f"{target}: {manifest.contents.documents:,} documents, {manifest.contents.chunks:,} chunks, "
        f"{len(manifest.files):,} files, {manifest.mebibytes:,} MiB"
    )
    if keep is not None:
        for old in delete_all_but(arguments.target, keep):
            print(f"{old}: deleted")
    if manifest.inbox == "redis":
        print("The Redis inbox is not included. Back up Redis with its own tools.")
    return 0
