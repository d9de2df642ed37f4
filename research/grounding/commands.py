"""`python -m research grounding`."""

import argparse
import asyncio
from pathlib import Path

from evals.commands import Commands
from research.grounding.asking import write_answers
from service.settings import Settings

EXAMPLES = (
    "  python -m research grounding ask FOLDER answers.jsonl                  lets the model answer CLAPNQ's questions"
)


def add_commands(commands: Commands) -> None:
    command = commands.add_parser("grounding", help="check the sentences of a real model against what they cite")
    steps = command.add_subparsers(dest="step", required=True)
    ask = steps.add_parser("ask", help="let the configured model answer, and go on where the file ends")
    ask.add_argument("folder", metavar="FOLDER", type=Path, help="CLAPNQ's questions in BEIR's format")
    ask.add_argument("file", metavar="ANSWERS", type=Path, help="JSON lines, appended as the answers come")
    ask.add_argument("--limit", type=int, default=100, help="answers in the file (default: 100)")
    ask.set_defaults(run=_ask)


def _ask(arguments: argparse.Namespace, settings: Settings) -> None:
    asyncio.run(write_answers(arguments.folder, arguments.file, settings, limit=arguments.limit))
