"""`python -m ingest run`: ingests sources now, in this process."""

import argparse

from ingest.commands.base import SOME_REJECTED, SOME_WARNINGS, Commands, add_command_parser
from ingest.commands.ingestion import ingest_selection, plan_selection
from ingest.commands.report import Summary
from ingest.commands.selection import add_selection_arguments, to_selection
from ingest.commands.watch import Watch
from ingest.settings import Settings
from rag.errors import InvalidInput

_HELP = """Reads the sources, parses and embeds new and changed documents, and publishes them.
Unchanged documents are skipped, so a second run is fast. An interrupted run continues when it is started again.
A document that cannot be read completely or with certainty is ingested with warnings, which are shown at the end.
A document that has no text is empty, which is not an error.

examples:
  python -m ingest run README.md docs/ --tenant acme       files and folders, for one tenant
  python -m ingest run docs/ --strict                      fail if a document is not complete, for a pipeline
  python -m ingest run docs/ --prune --watch 30            keep the collection equal to a folder, until stopped
  python -m ingest run runbooks/ --metadata team=ops       a search finds only these with
                                                           "filter": {"metadata": {"team": ["ops"]}}
  python -m ingest run crawl:https://example.org/docs/     pages below this URL, by following links
  python -m ingest run s3://bucket/handbook --prune        an object store, with its fsspec driver installed

needs: the embedder, and the right to write the collection. With the embedded store only one process may write,
so the run waits for a worker to finish its work, and fails if that takes longer than 20 seconds.

With --strict, exit status 4 says that sources or documents have warnings, and none was rejected."""


def add_command(commands: Commands) -> None:
    command = add_command_parser(commands, "run", run, "ingest sources now, then stop", _HELP)
    add_selection_arguments(command)
    command.add_argument(
        "--prune", action="store_true", help="remove documents of these sources that no longer exist there"
    )
    command.add_argument("--watch", type=float, metavar="SECONDS", help="keep running and check every SECONDS seconds")
    command.add_argument(
        "--strict",
        action="store_true",
        help="exit with status 4 if a source or a document has a warning, unchanged ones included",
    )
    command.add_argument("--dry-run", action="store_true", help="show what would change and write nothing")
    command.add_argument(
        "--verbose", action="store_true", help="list the passed-over files, and every name that a warning counts"
    )


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    selection = to_selection(arguments)
    if arguments.watch is not None:
        _require_watchable(arguments)
        await Watch(
            selection=selection,
            settings=settings,
            seconds=arguments.watch,
            prune=arguments.prune,
            on_pass=lambda summary: _print(summary, arguments),
        ).run()
        return 0
    if arguments.dry_run:
        summary = await plan_selection(selection, settings, prune=arguments.prune, quiet=arguments.json)
    else:
        summary = await ingest_selection(selection, settings, prune=arguments.prune, quiet=arguments.json)
    _print(summary, arguments)
    if summary.rejected:
        return SOME_REJECTED
    return SOME_WARNINGS if arguments.strict and summary.has_warnings else 0


def _require_watchable(arguments: argparse.Namespace) -> None:
    if arguments.dry_run:
        raise InvalidInput("--dry-run and --watch exclude each other. Leave one of them out.")
    if arguments.strict:
        raise InvalidInput(
            "--strict and --watch exclude each other: a watch has no exit status. Leave one of them out."
        )
    if arguments.watch <= 0:
        raise InvalidInput(f"--watch {arguments.watch:g} is not a valid interval. Give a number of seconds above 0.")
    if "-" in arguments.sources:
        raise InvalidInput("Standard input can be read only once, so it cannot be watched. Leave out --watch or -.")


def _print(summary: Summary, arguments: argparse.Namespace) -> None:
    # Flushed, because a program that reads the summaries of a watch waits for each line.
    if arguments.json:
        print(summary.to_json(verbose=arguments.verbose), flush=True)
    else:
        print(summary.to_text(dry_run=arguments.dry_run, verbose=arguments.verbose), flush=True)
