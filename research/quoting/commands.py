"""`python -m research quoting`."""

import argparse
import asyncio
import json

from evals.answers.gold import MANUALS, read_question_set
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
        default=[MANUALS],
        metavar="SET",
        help=f"{MANUALS}, or folders with documents/ and questions.jsonl, SQuAD or CLAPNQ (default: {MANUALS})",
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
