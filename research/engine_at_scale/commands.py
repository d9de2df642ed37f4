"""`python -m research engine-at-scale`."""

import argparse
import asyncio
from pathlib import Path

from evals.commands import Commands, TableRow, add_json, write_rows
from research.engine_at_scale import scale
from research.engine_at_scale.search import SEARCHING_HEADER
from service.settings import Settings

EXAMPLES = (
    "  python -m research engine-at-scale scifact/ --kept .data/scale --points 500000   many points, up to an hour"
)


def add_commands(commands: Commands) -> None:
    many = commands.add_parser(
        "engine-at-scale", help="many real-size points in the embedded engine: loading, searches, memory"
    )
    many.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="data sets whose texts are multiplied")
    many.add_argument("--kept", type=Path, required=True, metavar="DIR", help="the collection; the next run goes on")
    many.add_argument("--points", type=int, default=500_000, help="in hundred thousands (default: %(default)s)")
    many.set_defaults(run=_scale)
    add_json(many)


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
