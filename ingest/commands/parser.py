"""The command line of `python -m ingest`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

# In the order of `--help`. A hyphen in a command's name is an underscore in its module's name.
COMMANDS = (
    "run",
    "enqueue",
    "worker",
    "status",
    "dead-letter",
    "reindex",
    "promote",
    "backup",
    "restore",
    "export",
)

_EXAMPLES = """examples:
  python -m ingest run docs/ README.md             ingest files and folders now
  python -m ingest run https://example.org/guide   ingest one web page
  python -m ingest run docs/ --dry-run             show what a run would change
  python -m ingest run docs/ --prune --watch 30    keep the collection equal to a folder
  python -m ingest enqueue docs/                   leave the work to workers
  python -m ingest worker                          ingest the documents in the inbox
  python -m ingest status                          count documents, chunks and queue entries
  python -m ingest dead-letter list                list the documents that failed, with reasons
  python -m ingest reindex --embedder BAAI/bge-small-en-v1.5
                                                   change the embedder without downtime
  python -m ingest promote --to http://127.0.0.1:6333
                                                   copy the embedded collection to a Qdrant server
  python -m ingest backup /backups/monday          copy collection, inbox and keys to a folder
  python -m ingest restore /backups/monday         put a backup into this RAG_DATA_DIR

`python -m ingest COMMAND --help` describes one command.

exit status: 0 success, 1 failure, 2 wrong arguments, 3 some documents were rejected
settings: environment variables RAG_… or a file .env; docs/reference/settings.md lists them"""


def parse_arguments() -> argparse.Namespace:
    """Return the arguments of this process; their `run` is the body of the chosen command."""
    # Only the chosen command is imported: an idle worker must not hold the modules of the others in memory.
    chosen = [name for name in sys.argv[1:2] if name in COMMANDS]
    return build_parser(chosen or COMMANDS).parse_args()


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser with these commands; docs/reference/cli.md is generated from it."""
    parser = argparse.ArgumentParser(
        prog="python -m ingest",
        description="Ingests documents into the collection and maintains the collection.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in names:
        import_module(f"ingest.commands.{name.replace('-', '_')}").add_command(commands)
    return parser
