"""The command line of `python -m ingest`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from ingest.commands.base import EXIT_STATUS
from rag.arguments import ArgumentParser

# In the order of `--help`. A hyphen in a command's name is an underscore in its module's name.
COMMANDS = (
    "run",
    "remove",
    "enqueue",
    "worker",
    "status",
    "dead-letter",
    "upgrade",
    "reindex",
    "promote",
    "backup",
    "restore",
    "export",
    "verify",
)

_EPILOG = f"""examples:
  python -m ingest run docs/ README.md      ingest files and folders now
  python -m ingest enqueue docs/            leave the work to workers
  python -m ingest dead-letter list         list the documents that failed, with reasons

`python -m ingest COMMAND --help` describes one command.

{EXIT_STATUS}
settings: environment variables RAG_… or a file .env; docs/reference/settings.md lists them"""


def parse_arguments() -> argparse.Namespace:
    """Return the arguments of this process; their `run` is the body of the chosen command."""
    # Only the chosen command is imported: an idle worker must not hold the modules of the others in memory.
    chosen = [name for name in sys.argv[1:2] if name in COMMANDS]
    return build_parser(chosen or COMMANDS).parse_args()


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser with these commands; docs/reference/cli.md is generated from it."""
    parser = ArgumentParser(
        prog="python -m ingest",
        description="Ingests documents into the collection and maintains the collection.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in names:
        import_module(f"ingest.commands.{name.replace('-', '_')}").add_command(commands)
    return parser
