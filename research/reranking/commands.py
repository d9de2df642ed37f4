"""`python -m research reranking`."""

import argparse
import asyncio

from evals.commands import Commands, add_json, print_table
from evals.datasets import NAMED, find_dataset, read_dataset
from research.reranking import reranking
from research.reranking.reranking import measure_reranking
from service.settings import Settings

EXAMPLES = "  python -m research reranking scifact                               the gain of the configured reranker"


def add_commands(commands: Commands) -> None:
    ordered = commands.add_parser("reranking", help="the configured reranker's gain on a data set in BEIR's form")
    ordered.add_argument("--train", action="store_true", help="a small cross-encoder from its training questions")
    ordered.set_defaults(run=_reranking)
    names = ", ".join(sorted(NAMED))
    ordered.add_argument("dataset", metavar="FOLDER", help=f"a folder, or the name of one of {names}")
    add_json(ordered)


def _reranking(arguments: argparse.Namespace, settings: Settings) -> None:
    folder = find_dataset(arguments.dataset, cache=settings.data_dir / "datasets")
    training = read_dataset(folder, split="train") if arguments.train else None
    found = asyncio.run(measure_reranking(read_dataset(folder), training, settings))
    print_table(reranking.HEADER, found.results, arguments.json)
    print(f"\n{found.model} over {found.candidates} candidates: {found.p50:.3f} s a question (median)")
