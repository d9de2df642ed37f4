"""`python -m research reranking`."""

import argparse
import asyncio

from evals.commands import Commands, add_json, print_table
from evals.datasets import NAMED, find_dataset, read_dataset
from research.reranking import reranking
from research.reranking.reranking import measure_reranking
from service.settings import Settings

EXAMPLES = "  python -m research reranking scifact                               measures the configured reranker"


def add_commands(commands: Commands) -> None:
    command = commands.add_parser(
        "reranking", help="measure the gain of the configured reranker on a data set in BEIR's format"
    )
    command.add_argument(
        "--train", action="store_true", help="first train a small cross-encoder on the data set's training questions"
    )
    command.set_defaults(run=_reranking)
    names = ", ".join(sorted(NAMED))
    command.add_argument("dataset", metavar="FOLDER", help=f"folder, or the name of a public data set: {names}")
    add_json(command)


def _reranking(arguments: argparse.Namespace, settings: Settings) -> None:
    folder = find_dataset(arguments.dataset, cache=settings.data_dir / "datasets")
    training = read_dataset(folder, split="train") if arguments.train else None
    comparison = asyncio.run(measure_reranking(read_dataset(folder), training, settings))
    print_table(reranking.HEADER, comparison.results, arguments.json)
    print(f"\n{comparison.model} over {comparison.candidates} candidates: median {comparison.p50:.3f} s per question")
