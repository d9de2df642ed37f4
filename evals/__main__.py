"""`python -m evals`: measures retrieval and answers on public data."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from evals import answers, ingestion, retrieval, serving
from evals.answers import measure_answers
from evals.datasets import NAMED, find_dataset, read_dataset
from evals.ingestion import measure_ingestion
from evals.judging import commands as judging
from evals.retrieval import measure_retrieval
from evals.statistics import compare
from ingest.settings import Settings as IngestSettings
from rag.errors import GroundworkError
from rag.settings import read_settings
from service.settings import Mode, Settings

_EXAMPLES = f"""examples:
  python -m evals answers xquad-en --modes quote                     every question, no model asked
  python -m evals answers xquad-en --modes quote,checked,generate --sample 100
  python -m evals answers xquad-en --modes quote --json answers.json
  python -m evals retrieval scifact --modes dense,bm25,hybrid --json scifact.json
  python -m evals ingestion ~/docs --rounds 3                        chunks/s against the embedder alone
  python -m evals serving                                            the running service, a few minutes
{judging.EXAMPLES}

FOLDER holds corpus.jsonl and queries.jsonl (as in BEIR) and answers.json (question id to gold spans)."""


def main() -> int:
    arguments = _parse_arguments()
    try:
        settings = read_settings(Settings)
        match arguments.command:
            case "answers":
                measuring = measure_answers(arguments.folder, arguments.modes, settings, sample=arguments.sample)
                _report(answers.HEADER, asyncio.run(measuring), arguments.json)
            case "retrieval":
                folder = find_dataset(arguments.dataset, cache=settings.data_dir / "datasets")
                dataset = read_dataset(folder, split=arguments.split)
                found = asyncio.run(measure_retrieval(dataset, arguments.modes, settings, whole=not arguments.chunks))
                _report_retrieval(found, arguments.json)
            case "ingestion":
                measuring_rounds = measure_ingestion(
                    str(arguments.folder),
                    read_settings(IngestSettings),
                    rounds=arguments.rounds,
                    documents=arguments.documents,
                )
                _report(ingestion.HEADER, asyncio.run(measuring_rounds), arguments.json)
            case "judge":
                asyncio.run(judging.run_judge(arguments, settings))
            case "calibrate":
                asyncio.run(judging.run_calibrate(arguments, settings))
            case "serving":
                _report(serving.HEADER, serving.measure_serving(settings.models_dir), arguments.json)
    except GroundworkError as error:
        print(f"evals: {error}", file=sys.stderr)
        return 1
    return 0


def _report(
    header: str,
    results: Sequence[answers.Result] | Sequence[serving.Figure] | Sequence[ingestion.Round],
    target: Path | None,
) -> None:
    print("\n".join([header, *(result.to_row() for result in results)]))
    if target:
        target.write_text(json.dumps([asdict(result) for result in results], indent=1))


def _report_retrieval(results: Sequence[retrieval.Result], target: Path | None) -> None:
    print("\n".join([retrieval.HEADER, *(result.to_row() for result in results)]))
    *others, last = results
    for other in others:
        difference = compare(last.values["nDCG@10"], other.values["nDCG@10"])
        print(f"\n{last.mode} against {other.mode}, nDCG@10: {difference}")
    if target:
        target.write_text(json.dumps({result.mode: result.to_json() for result in results}, indent=1))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evals",
        description="Measures what retrieval and answering do together.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    asked = commands.add_parser("answers", help="how often an answer holds the gold span, by answering mode")
    asked.add_argument("folder", type=Path, metavar="FOLDER")
    asked.add_argument(
        "--modes", type=_modes, default=["quote"], help="quote, checked, generate, or several with commas"
    )
    asked.add_argument("--sample", type=int, help="this many questions instead of all, always the same ones")
    found = commands.add_parser("retrieval", help="nDCG@10, recall and MRR on a data set in BEIR's form")
    found.add_argument("dataset", metavar="FOLDER", help=f"a folder, or the name of one of {', '.join(sorted(NAMED))}")
    found.add_argument(
        "--modes", type=_rankings, default=["hybrid"], help="dense, bm25, hybrid, or several with commas"
    )
    found.add_argument("--split", help="of the judgements (default: test, else dev, else train)")
    found.add_argument(
        "--chunks", action="store_true", help="cut documents as the product does; otherwise each is one passage"
    )
    served = commands.add_parser("serving", help="start, memory, uploads, streams while documents come in")
    taken_in = commands.add_parser(
        "ingestion", help="ingestion against the bare embedder, and over unchanged documents"
    )
    taken_in.add_argument("folder", type=Path, nargs="?", default=Path("docs"), metavar="FOLDER")
    taken_in.add_argument("--rounds", type=int, default=3, help="how often (default: %(default)s)")
    taken_in.add_argument("--documents", type=int, default=200, help="of the folder at most (default: %(default)s)")
    judging.add_commands(commands)
    for command in (asked, found, served, taken_in):
        command.add_argument("--json", type=Path, metavar="OUT", help="also write the results as JSON")
    return parser.parse_args()


def _modes(text: str) -> list[Mode]:
    return _among(get_args(Mode), text)


def _rankings(text: str) -> list[retrieval.Ranking]:
    return _among(get_args(retrieval.Ranking), text)


def _among(known: Sequence[Any], text: str) -> list[Any]:
    unknown = [name for name in text.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(known)}")
    return text.split(",")


if __name__ == "__main__":
    sys.exit(main())
