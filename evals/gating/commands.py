"""`python -m evals gate` and `accept`."""

import argparse
from pathlib import Path

from evals.commands import Commands
from evals.gating import gate
from service.settings import Settings

EXAMPLES = """  python -m evals gate --markdown gate.md                            compares with the baseline
  python -m evals accept "Chunks overlap now: recall over length"    accepts a new baseline"""


def add_commands(commands: Commands) -> None:
    gate_command = commands.add_parser(
        "gate", help=f"compare the golden set with its baseline; exit with {gate.RED} if a metric fell"
    )
    gate_command.add_argument(
        "--markdown", type=Path, metavar="OUT", help="file to write the table to, for a pull-request comment"
    )
    gate_command.set_defaults(run=_gate)
    accept_command = commands.add_parser("accept", help="measure and make the result the new baseline of the gate")
    accept_command.add_argument("reason", metavar="REASON", help="why the change is right; stored in the baseline")
    accept_command.set_defaults(run=_accept)
    for command in (gate_command, accept_command):
        command.add_argument(
            "--questions",
            type=Path,
            metavar="FOLDER",
            help="question set of your own with documents/ and questions.jsonl; its baseline is FOLDER/baseline.json",
        )


def _gate(arguments: argparse.Namespace, settings: Settings) -> int:
    return gate.run_gate(settings, questions=arguments.questions, markdown=arguments.markdown)


def _accept(arguments: argparse.Namespace, settings: Settings) -> None:
    gate.accept(settings, arguments.reason, questions=arguments.questions)
