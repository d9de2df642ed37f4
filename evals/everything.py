"""Runs all evaluations: the golden set, and every data set in a given folder."""

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from evals.answers.gold import GOLDEN, has_questions, read_question_set
from evals.answers.measurement import measure_answers
from evals.answers.report import report_answers, write_report
from evals.commands import Commands, some_of
from evals.datasets import read_dataset
from evals.retrieval.measurement import HEADER, Ranking, measure_retrieval
from rag.errors import InvalidInput
from service.settings import Mode, Settings

_RANKINGS: tuple[Ranking, ...] = ("dense", "bm25", "hybrid")


EXAMPLES = """  python -m evals all ~/datasets --report .eval                      evaluates all question sets"""


def add_commands(commands: Commands) -> None:
    everything = commands.add_parser(
        "all", help=f"measure answers and retrieval on {GOLDEN} and on every data set in a folder"
    )
    everything.add_argument("data", type=Path, nargs="?", metavar="FOLDER", help="data set, or folder of data sets")
    everything.add_argument(
        "--modes",
        type=some_of(get_args(Mode)),
        default=["quote", "checked"],
        help="answer modes, comma-separated (default: quote,checked)",
    )
    everything.add_argument(
        "--report", type=Path, default=Path(".eval"), metavar="OUT", help="folder of the reports (default: %(default)s)"
    )
    everything.set_defaults(run=_everything)


def _everything(arguments: argparse.Namespace, settings: Settings) -> None:
    measure_everything(arguments.data, arguments.modes, settings, report=arguments.report)


def measure_everything(data: Path | None, modes: Sequence[Mode], settings: Settings, *, report: Path) -> None:
    """Print each table as soon as it is measured, and write JSON, Markdown and plots to the report folder."""
    folders = list(_data_sets(data)) if data else []
    _answers(GOLDEN, modes, settings, report)
    for folder in folders:
        if has_questions(folder):
            _answers(str(folder), ["quote"], settings, report)
        if (folder / "qrels").is_dir():
            _retrieval(folder, settings, report)
    print(f"\nTables, scores per question and plots are in {report}.")


def _data_sets(data: Path) -> Iterator[Path]:
    """Yield the folder itself, or the data sets in it. Raise `InvalidInput` without one."""
    data_sets = [folder for folder in (data, *sorted(data.glob("*"))) if (folder / "corpus.jsonl").is_file()]
    if not data_sets:
        raise InvalidInput(f"{data} is not a data set and contains none. A data set has a corpus.jsonl.")
    yield from data_sets


def _answers(target: str, modes: Sequence[Mode], settings: Settings, report: Path) -> None:
    questions = read_question_set(target)
    runs = asyncio.run(measure_answers(questions, modes, settings))
    threshold = settings.retrieval.min_similarity
    print(f"\n## {questions.name}: answers\n\n{report_answers(questions, runs, threshold=threshold)}", flush=True)
    write_report(questions, runs, report, threshold=threshold)


def _retrieval(folder: Path, settings: Settings, report: Path) -> None:
    dataset = read_dataset(folder)
    results = asyncio.run(measure_retrieval(dataset, _RANKINGS, settings, whole=True))
    table = "\n".join([HEADER, *(result.to_row() for result in results)])
    print(f"\n## {dataset.name}: retrieval\n\n{table}", flush=True)
    (report / f"{dataset.name}-retrieval.md").write_text(f"# {dataset.name}\n\n{table}\n", encoding="utf-8")
