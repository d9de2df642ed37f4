"""`python -m research engine-at-scale`."""

import argparse
import asyncio
from pathlib import Path

from evals.commands import Commands, TableRow, add_json, write_rows
from research.engine_at_scale import scale
from research.engine_at_scale.search import SEARCHING_HEADER
from service.settings import Settings

EXAMPLES = "  python -m research engine-at-scale scifact/ --kept .data/scale --points 500000   up to an hour"


def add_commands(commands: Commands) -> None:
    command = commands.add_parser(
        "engine-at-scale", help="measure loading, searches and memory of the embedded engine with many points"
    )
    command.add_argument(
        "folders", type=Path, nargs="+", metavar="FOLDER", help="data sets from which synthetic passages are made"
    )
    command.add_argument(
        "--kept", type=Path, required=True, metavar="DIR", help="folder of the collection; a later run continues it"
    )
    command.add_argument(
        "--points", type=int, default=500_000, help="number of points, a multiple of 100,000 (default: %(default)s)"
    )
    command.set_defaults(run=_scale)
    add_json(command)


def _scale(arguments: argparse.Namespace, settings: Settings) -> None:
    rows = asyncio.run(_print_scale(arguments, settings))
    write_rows(rows, arguments.json)


async def _print_scale(arguments: argparse.Namespace, settings: Settings) -> list[TableRow]:
    arguments.kept.mkdir(parents=True, exist_ok=True)
    corpus = await scale.read_corpus(arguments.folders, settings)
    rows: list[TableRow] = []
    for steps in (
        scale.load(corpus, arguments.kept, points=arguments.points),
        scale.build_graph(corpus, arguments.kept),
    ):
        print(f"\n{scale.LOADING_HEADER}", flush=True)
        async for step in steps:
            print(step.to_row(), flush=True)
            rows.append(step)
        print(f"\n{SEARCHING_HEADER}", flush=True)
        for searched in scale.ask(arguments.kept):
            print(searched.to_row(), flush=True)
            rows.append(searched)
    return rows
