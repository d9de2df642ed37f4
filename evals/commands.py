"""What the commands of all subjects share: their arguments' forms, and how results are shown."""

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What `add_subparsers` gives; argparse has no public name for it."""


class TableRow(Protocol):
    """A dataclass that is a row of a Markdown table."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def to_row(self) -> str:
        """Its cells between bars."""
        ...


def some_of(known: Iterable[str]) -> Callable[[str], list[Any]]:
    """The type of an argument: one or several of these names, with commas."""
    names = list(known)

    def parse(text: str) -> list[str]:
        unknown = [name for name in text.split(",") if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(names)}")
        return text.split(",")

    return parse


def add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", type=Path, metavar="OUT", help="also write the results as JSON")


def print_table(header: str, rows: Iterable[TableRow], target: Path | None = None) -> None:
    """Each row as soon as it is there."""
    print(header, flush=True)
    printed = []
    for row in rows:
        print(row.to_row(), flush=True)
        printed.append(row)
    write_rows(printed, target)


def write_rows(rows: Sequence[TableRow], target: Path | None) -> None:
    if target:
        target.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
