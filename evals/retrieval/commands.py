"""`python -m evals retrieval` and `reranking`."""

import argparse
import asyncio
import json
from pathlib import Path
from typing import get_args

from evals.commands import Commands, add_json, print_table, some_of
from evals.datasets import NAMED, find_dataset, read_dataset
from evals.retrieval import measuring, reranking
from evals.retrieval.measuring import Ranking, Result, measure_retrieval
from evals.retrieval.reranking import measure_reranking
from evals.statistics import compare
from service.settings import Settings

EXAMPLES = """  python -m evals retrieval scifact --modes dense,bm25,hybrid --json scifact.json
  python -m evals reranking scifact                                  what the configured reranker adds"""


def add_commands(commands: Commands) -> None:
    found = commands.add_parser("retrieval", help="nDCG@10, recall and MRR on a data set in BEIR's form")
    found.add_argument(
        "--modes",
        type=some_of(get_args(Ranking)),
        default=["hybrid"],
        help="dense, bm25, hybrid, or several with commas",
    )
    found.add_argument("--split", help="of the judgements (default: test, else dev, else train)")
    found.add_argument(
        "--chunks", action="store_true", help="cut documents as the product does; otherwise each is one passage"
    )
    found.set_defaults(run=_retrieval)
    ordered = commands.add_parser("reranking", help="the configured reranker's gain on a data set in BEIR's form")
    ordered.add_argument("--train", action="store_true", help="a small cross-encoder from its training questions")
    ordered.set_defaults(run=_reranking)
    for command in (found, ordered):
        names = ", ".join(sorted(NAMED))
        command.add_argument("dataset", metavar="FOLDER", help=f"a folder, or the name of one of {names}")
        add_json(command)


def _retrieval(arguments: argparse.Namespace, settings: Settings) -> None:
    dataset = read_dataset(_folder(arguments, settings), split=arguments.split)
    results = asyncio.run(measure_retrieval(dataset, arguments.modes, settings, whole=not arguments.chunks))
    print_table(measuring.HEADER, results)
    *others, last = results
    for other in others:
        difference = compare(last.values["nDCG@10"], other.values["nDCG@10"])
        print(f"\n{last.mode} against {other.mode}, nDCG@10: {difference}")
    if arguments.json:
        _write(results, arguments.json)


def _reranking(arguments: argparse.Namespace, settings: Settings) -> None:
    folder = _folder(arguments, settings)
    training = read_dataset(folder, split="train") if arguments.train else None
    found = asyncio.run(measure_reranking(read_dataset(folder), training, settings))
    print_table(reranking.HEADER, found.results, arguments.json)
    print(f"\n{found.model} over {found.candidates} candidates: {found.p50:.3f} s a question (median)")


def _folder(arguments: argparse.Namespace, settings: Settings) -> Path:
    return find_dataset(arguments.dataset, cache=settings.data_dir / "datasets")


def _write(results: list[Result], target: Path) -> None:
    target.write_text(json.dumps({result.mode: result.to_json() for result in results}, indent=1))
