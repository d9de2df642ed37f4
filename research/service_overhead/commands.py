"""`python -m research service-overhead`."""

import argparse
import asyncio
from pathlib import Path

from evals.commands import Commands, add_json, write_rows
from research.service_overhead import overhead
from service.settings import Settings

EXAMPLES = "  python -m research service-overhead --streams 1,64                 compares the service with its parts"


def add_commands(commands: Commands) -> None:
    command = commands.add_parser(
        "service-overhead", help="measure what the service adds to the time to first token of its parts"
    )
    command.add_argument(
        "folder", type=Path, nargs="?", default=Path("docs"), metavar="FOLDER", help="documents (default: %(default)s)"
    )
    command.add_argument(
        "--streams", type=_numbers, default=[1, 4, 16, 64], help="numbers of concurrent answers, comma-separated"
    )
    command.add_argument("--rounds", type=int, default=4, help="number of rounds (default: %(default)s)")
    command.set_defaults(run=_overhead)
    add_json(command)


def _overhead(arguments: argparse.Namespace, settings: Settings) -> None:
    write_rows(asyncio.run(_print_overheads(arguments, settings)), arguments.json)


async def _print_overheads(arguments: argparse.Namespace, settings: Settings) -> list[overhead.Overhead]:
    rows = []
    print(overhead.HEADER, flush=True)
    async for row in overhead.measure_overhead(
        arguments.folder, settings, streams=arguments.streams, rounds=arguments.rounds
    ):
        print(row.to_row(), flush=True)
        rows.append(row)
    return rows


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]
