"""`python -m evals retrieval`."""

import argparse
import asyncio
import json
from pathlib import Path
from typing import get_args

from evals.commands import Commands, add_json, print_table, some_of
from evals.datasets import NAMED, find_dataset, read_dataset
from evals.retrieval import measurement
from evals.retrieval.measurement import Ranking, RankingResult, measure_retrieval
from evals.statistics import compare
from service.settings import Settings

EXAMPLES = """  python -m evals retrieval scifact --modes dense,bm25,hybrid --json scifact.json"""


def add_commands(commands: Commands) -> None:
    retrieval = commands.add_parser("retrieval", help="measure nDCG@10, recall and MRR on a data set in BEIR's format")
    retrieval.add_argument(
        "--modes",
        type=some_of(get_args(Ranking)),
        default=["hybrid"],
        help="rankings, comma-separated: dense, bm25, hybrid (default: hybrid)",
    )
    retrieval.add_argument("--split", help="split of the judgements (default: test, else dev, else train)")
    retrieval.add_argument(
        "--chunks",
        action="store_true",
        help="chunk documents as the product does (default: each document is one passage)",
    )
    retrieval.set_defaults(run=_retrieval)
    names = ", ".join(sorted(NAMED))
    retrieval.add_argument("dataset", metavar="FOLDER", help=f"folder, or the name of a public data set: {names}")
    add_json(retrieval)


def _retrieval(arguments: argparse.Namespace, settings: Settings) -> None:
    dataset = read_dataset(_folder(arguments, settings), split=arguments.split)
    results = asyncio.run(measure_retrieval(dataset, arguments.modes, settings, whole=not arguments.chunks))
    print_table(measurement.HEADER, results)
    *others, last = results
    for other in others:
        difference = compare(last.values["nDCG@10"], other.values["nDCG@10"])
        print(f"\n{last.mode} against {other.mode}, nDCG@10: {difference}")
    if arguments.json:
        _write(results, arguments.json)


def _folder(arguments: argparse.Namespace, settings: Settings) -> Path:
    return find_dataset(arguments.dataset, cache=settings.data_dir / "datasets")


def _write(results: list[RankingResult], target: Path) -> None:
    target.write_text(json.dumps({result.mode: result.to_json() for result in results}, indent=1))
