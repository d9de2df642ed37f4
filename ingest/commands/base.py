"""Adds commands to the program."""

import argparse
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ingest.settings import Settings

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The return type of `add_subparsers`, which has no public name in argparse."""

Run = Callable[[argparse.Namespace, Settings], Awaitable[int]]
"""The body of a command: it prints its result and returns the exit status."""

EXIT_STATUS = "exit status: 0 success, 1 failure, 2 wrong arguments, 3 some documents were rejected"
SOME_REJECTED = 3
SOME_WARNINGS = 4
"""With `--strict`."""


def add_command_parser(commands: Commands, name: str, run: Run, summary: str, text: str) -> argparse.ArgumentParser:
    """Return the parser of a new command; the first paragraph of `text` is shown above its arguments."""
    description, _, epilog = text.partition("\n\n")
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"{epilog}\n\n{EXIT_STATUS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command
