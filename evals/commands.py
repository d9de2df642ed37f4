"""Arguments and output that the commands of several subjects share."""

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The type that `add_subparsers` returns. argparse has no public name for it."""


class TableRow(Protocol):
    """A dataclass that can be printed as a row of a Markdown table."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def to_row(self) -> str:
        """Return the cells between vertical bars."""
        ...


def some_of(known: Iterable[str]) -> Callable[[str], list[Any]]:
    """Return an argument type: a comma-separated list of known names."""
    names = list(known)

    def parse(text: str) -> list[str]:
        unknown = [name for name in text.split(",") if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; choose from {', '.join(names)}")
        return text.split(",")

    return parse


def add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", type=Path, metavar="OUT", help="file to write the results to, as JSON")


def print_table(header: str, rows: Iterable[TableRow], target: Path | None = None) -> None:
    """Print each row as soon as it is measured, and write all rows to `target` as JSON."""
    print(header, flush=True)
    printed = []
    for row in rows:
        print(row.to_row(), flush=True)
        printed.append(row)
    write_rows(printed, target)


def write_rows(rows: Sequence[TableRow], target: Path | None) -> None:
    if target:
        target.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
