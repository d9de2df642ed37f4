"""`python -m research archive`."""

import argparse
import asyncio

from evals.commands import Commands, add_json, print_table
from research.archive.speed import HEADER, measure_archive
from service.settings import Settings

EXAMPLES = "  python -m research archive                                         backup and restore of a server"


def add_commands(commands: Commands) -> None:
    command = commands.add_parser(
        "archive", help="measure the processor time of the backup of a Qdrant server, against one that answers at once"
    )
    command.add_argument("--documents", type=int, default=1024, help="number of documents (default: %(default)s)")
    command.add_argument("--chunks", type=int, default=20, help="passages of each document (default: %(default)s)")
    command.set_defaults(run=_archive)
    add_json(command)


def _archive(arguments: argparse.Namespace, settings: Settings) -> None:
    del settings
    rows = asyncio.run(measure_archive(documents=arguments.documents, chunks=arguments.chunks))
    print_table(HEADER, rows, arguments.json)
