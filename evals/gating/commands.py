"""`python -m evals gate` and `accept`."""

import argparse
from pathlib import Path

from evals.commands import Commands
from evals.gating import gate
from service.settings import Settings

EXAMPLES = """  python -m evals gate --markdown gate.md                            the fast subset against its baseline
  python -m evals accept "Chunks overlap now: recall over length"    makes what is now the baseline"""


def add_commands(commands: Commands) -> None:
    gated = commands.add_parser("gate", help=f"the fast subset against its baseline; exit {gate.RED} where it fell")
    gated.add_argument("--markdown", type=Path, metavar="OUT", help="also write the table, fit for a comment")
    gated.set_defaults(run=_gate)
    accepted = commands.add_parser("accept", help="make what is measured now the gate's baseline")
    accepted.add_argument("reason", metavar="REASON", help="why it is right that it changed; kept in the baseline")
    accepted.set_defaults(run=_accept)


def _gate(arguments: argparse.Namespace, settings: Settings) -> int:
    return gate.run_gate(settings, markdown=arguments.markdown)


def _accept(arguments: argparse.Namespace, settings: Settings) -> None:
    gate.accept(settings, arguments.reason)
