"""`python -m evals`: measures answers on public data."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import get_args

from evals.answers import HEADER, measure_answers
from rag.errors import GroundworkError
from rag.settings import read_settings
from service.settings import Mode, Settings

_EXAMPLES = """examples:
  python -m evals answers xquad-en --modes quote                     every question, no model asked
  python -m evals answers xquad-en --modes quote,checked,generate --sample 100
  python -m evals answers xquad-en --modes quote --json answers.json

FOLDER holds corpus.jsonl and queries.jsonl (as in BEIR) and answers.json (question id to gold spans)."""


def main() -> int:
    arguments = _parse_arguments()
    try:
        results = asyncio.run(
            measure_answers(arguments.folder, arguments.modes, read_settings(Settings), sample=arguments.sample)
        )
    except GroundworkError as error:
        print(f"evals: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        arguments.json.write_text(json.dumps({result.mode: result.to_dict() for result in results}, indent=1))
    print(HEADER)
    for result in results:
        print(result.to_row())
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evals",
        description="Measures what retrieval and answering do together.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    answers = commands.add_parser("answers", help="how often an answer holds the gold span, by answering mode")
    answers.add_argument("folder", type=Path, metavar="FOLDER")
    answers.add_argument(
        "--modes", type=_modes, default=["quote"], help="quote, checked, generate, or several with commas"
    )
    answers.add_argument("--sample", type=int, help="this many questions instead of all, always the same ones")
    answers.add_argument("--json", type=Path, metavar="OUT", help="also write the results as JSON")
    return parser.parse_args()


def _modes(text: str) -> list[Mode]:
    known = get_args(Mode)
    unknown = [name for name in text.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(known)}")
    return text.split(",")  # type: ignore[return-value]  # each of them was just found in Mode


if __name__ == "__main__":
    sys.exit(main())
