"""How a command is added to the program."""

import argparse
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ingest.settings import Settings

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The return type of `add_subparsers`, which has no public name in argparse."""

Run = Callable[[argparse.Namespace, Settings], Awaitable[int]]
"""The body of a command: it prints its result and returns the exit status."""

SOME_REJECTED = 3
"""Exit status if at least one document was rejected and the others were accepted."""


def add_command_parser(
    commands: Commands, name: str, run: Run, *, summary: str, description: str, epilog: str
) -> argparse.ArgumentParser:
    """Return the parser of a new command; `epilog` shows examples, exit statuses and requirements."""
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command
