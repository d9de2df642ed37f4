"""`python -m research quoting`."""

import argparse
import asyncio
import json

from evals.answers.gold import GOLDEN, MANUALS, read_question_set
from evals.commands import Commands
from research.quoting.fitting import fit, trade_off
from research.quoting.gathering import gather
from service.settings import Settings

EXAMPLES = "  python -m research quoting                                         fits the weights of the confidence"


def add_commands(commands: Commands) -> None:
    command = commands.add_parser(
        "quoting", help="fit the confidence of quotes on the half of a question set on which parameters may be chosen"
    )
    command.add_argument(
        "questions",
        nargs="*",
        default=[MANUALS, GOLDEN],
        metavar="SET",
        help=f"one of the own sets, or a folder with documents/ and questions.jsonl (default: {MANUALS} {GOLDEN})",
    )
    command.set_defaults(run=_quoting)


def _quoting(arguments: argparse.Namespace, settings: Settings) -> None:
    outcomes = [
        outcome
        for target in arguments.questions
        for outcome in asyncio.run(gather(read_question_set(target, half="choose"), settings))
    ]
    print("| threshold | right | right or partly | wrong with confidence |\n|---|---|---|---|")
    for point in trade_off(outcomes):
        print(point.to_row())
    print('\n"confidence" of service/quoting/weights.json:')
    print(json.dumps(fit(outcomes), indent=1))
