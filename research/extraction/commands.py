"""`python -m research extraction`."""

import argparse
from pathlib import Path

from evals.commands import Commands, add_json, print_table
from research.extraction.measurement import FileResult, Skipped, measure, missing_references
from research.extraction.report import HEADER, by_format
from service.settings import Settings

EXAMPLES = (
    "  python -m research extraction ~/documents                        compares the parsers with other extractors"
)


def add_commands(commands: Commands) -> None:
    command = commands.add_parser(
        "extraction", help="measure which share of the words of real files the parsers read, against other extractors"
    )
    command.set_defaults(run=_extraction)
    command.add_argument("folder", metavar="FOLDER", type=Path, help="folder of files; sub-folders are included")
    command.add_argument("--verbose", action="store_true", help="also list files with warnings and skipped files")
    add_json(command)


def _extraction(arguments: argparse.Namespace, settings: Settings) -> None:
    del settings
    for name in missing_references():
        print(f"{name} is not installed: its formats are left out")
    results = []
    for result in measure(sorted(path for path in arguments.folder.rglob("*") if path.is_file())):
        results.append(result)
        if line := _line(result, verbose=arguments.verbose):
            print(line, flush=True)
    print()
    print_table(HEADER, by_format(results), arguments.json)


def _line(result: FileResult | Skipped, *, verbose: bool) -> str:
    if isinstance(result, Skipped):
        return f"skipped {result.path}: {result.reason}" if verbose else ""
    if not result.is_good and not result.loses_text:
        return f"{result.recall:.3f} {result.path}: misses {' '.join(result.missing)}"
    if verbose and result.warnings:
        return f"{result.recall:.3f} {result.path}: {'; '.join(result.warnings)}"
    return ""
