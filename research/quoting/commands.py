"""`python -m research quoting`."""

import argparse
import asyncio
import json
import math
from dataclasses import astuple, fields, replace

from evals.answers.gold import GOLDEN, MANUALS, read_question_set
from evals.commands import Commands
from research.quoting.fitting import Point, Thresholds, fit, predict, weigh
from research.quoting.gathering import gather
from service.settings import Settings

# Each is tried with the configured value of the other one.
_TRIED = {
    "min_confidence": (0.0, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55),
    "sure_confidence": (0.55, 0.6, 0.65, 0.7, 0.75),
}
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
    likely = predict(outcomes)
    chosen = Thresholds(
        min_confidence=settings.answering.min_confidence, sure_confidence=settings.answering.sure_confidence
    )
    for name, values in _TRIED.items():
        print(f"| {name} | " + " | ".join(field.name.replace("_", " ") for field in fields(Point)) + " |")
        print("|---" * (1 + len(fields(Point))) + "|")
        for value in values:
            point = weigh(outcomes, likely, replace(chosen, **{name: value}))
            print(f"| {value} | " + " | ".join(map(_cell, astuple(point))) + " |")
        print()
    print('"confidence" of service/quoting/weights.json:')
    print(json.dumps(fit(outcomes), indent=1))


def _cell(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.2f}"
