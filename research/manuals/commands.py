"""`python -m research manuals`."""

import argparse
from pathlib import Path

from evals.commands import Commands
from research.manuals.documents import build
from service.settings import Settings

EXAMPLES = "  python -m research manuals sets && python -m evals answers sets/git   questions about other manuals"


def add_commands(commands: Commands) -> None:
    command = commands.add_parser(
        "manuals", help="write question sets about eight manuals that are installed as packages of Debian"
    )
    command.add_argument("folder", type=Path, metavar="FOLDER", help="where the sets are written, each in its folder")
    command.add_argument(
        "--docs", type=Path, metavar="FOLDER", help="has fastapi/docs and prometheus/docs of their repositories"
    )
    command.set_defaults(run=_manuals)


def _manuals(arguments: argparse.Namespace, settings: Settings) -> None:
    del settings
    for name in build(arguments.folder, arguments.docs):
        print(arguments.folder / name)
