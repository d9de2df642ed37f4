"""`python -m research word-weights`."""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from evals.commands import Commands, TableRow, add_json, print_table, write_rows
from evals.datasets import find_dataset, read_dataset
from research.word_weights import comparisons
from service.settings import Settings

EXAMPLES = "  python -m research word-weights scifact --chunks 5183 --shards 3 6 12   words over shards and tenants"


def add_commands(commands: Commands) -> None:
    command = commands.add_parser(
        "word-weights", help="measure how rankings by words depend on shards, replaced points and the tenant's size"
    )
    command.add_argument("dataset", metavar="FOLDER", help="folder in BEIR's format, or the name of a public data set")
    command.add_argument("--chunks", type=int, default=5183, help="number of documents to use (default: %(default)s)")
    command.add_argument(
        "--shards", type=int, nargs="+", default=[6], metavar="N", help="numbers of shards to compare with one"
    )
    command.add_argument(
        "--tenants",
        type=int,
        nargs="*",
        default=[],
        metavar="N",
        help="also measure the time of a search in one shard whose tenants have so many chunks, such as 1000 93000",
    )
    command.set_defaults(run=_word_weights)
    add_json(command)


def _word_weights(arguments: argparse.Namespace, settings: Settings) -> None:
    dataset = read_dataset(find_dataset(arguments.dataset, cache=settings.data_dir / "datasets"))
    rows: list[TableRow] = []
    with tempfile.TemporaryDirectory(prefix="word-weights-") as temporary:
        folder = Path(temporary)
        tables: list[tuple[str, Iterator[TableRow]]] = [
            (
                comparisons.SHARDS_HEADER,
                comparisons.compare_shards(
                    dataset, folder / "shards", chunks=arguments.chunks, shards=arguments.shards
                ),
            ),
            (
                comparisons.REPLACED_HEADER,
                comparisons.compare_replaced(dataset, folder / "replaced", chunks=arguments.chunks),
            ),
        ]
        if arguments.tenants:
            cost = comparisons.measure_cost(dataset, folder / "tenants", chunks=arguments.tenants)
            tables.append((comparisons.COST_HEADER, cost))
        for header, table in tables:
            kept = list(table)
            print_table(header, kept)
            print()
            rows += kept
    write_rows(rows, arguments.json)
