"""What a person sees of a run: progress while it lasts, a summary at its end."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ingest.pipeline.pipeline import Outcome
from rag.formats import FORMAT_NAMES

_LINE_EVERY_SECONDS = 5.0
_REASONS_SHOWN = 20
_ADVICE = (
    f"no {FORMAT_NAMES}. Give a path that has some; what is hidden or ignored (.ragignore, --ignore) does not count."
)


@dataclass
class Summary:
    """The counts of one run."""

    results: Counter[str] = field(default_factory=Counter)
    rejected: list[Outcome] = field(default_factory=list)
    chunks: int = 0
    passed_over: int = 0
    """Files of other kinds."""
    empty: list[str] = field(default_factory=list)
    """Sources in which there is no document."""
    started: float = field(default_factory=time.monotonic)

    def add(self, outcome: Outcome) -> None:
        self.results[outcome.result] += 1
        self.chunks += outcome.chunks
        if outcome.result == "rejected":
            self.rejected.append(outcome)

    def note_source(self, name: str, *, passed_over: int, is_empty: bool) -> None:
        """Once for each source, when it has been gone through."""
        self.passed_over += passed_over
        self.empty += [name] if is_empty else []

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def documents(self) -> int:
        return self.results.total()

    def to_json(self) -> str:
        return json.dumps(
            {result: self.results[result] for result in ("new", "changed", "unchanged", "removed")}
            | {"rejected": [{"uri": outcome.uri, "reason": outcome.reason} for outcome in self.rejected]}
            | {"chunks": self.chunks, "seconds": round(self.seconds, 3), "passed_over": self.passed_over}
        )

    def to_text(self, *, dry_run: bool) -> str:
        counts = ", ".join(f"{self.results[result]} {result}" for result in ("new", "changed", "unchanged", "rejected"))
        rate = f" ({self.chunks / self.seconds:.0f} chunks/s)" if self.chunks and not dry_run else ""
        lines = [f"  rejected {outcome.uri}: {outcome.reason}" for outcome in self.rejected[:_REASONS_SHOWN]]
        if len(self.rejected) > _REASONS_SHOWN:
            lines.append(f"  … and {len(self.rejected) - _REASONS_SHOWN} more; --json lists them all.")
        lines += [f"  nothing in {name}: {_ADVICE}" for name in self.empty]
        removed = f", {self.results['removed']} removed" if self.results["removed"] else ""
        lines.append(f"{self.documents} documents: {counts}{removed}")
        lines.append(f"{self.chunks} chunks in {self.seconds:.1f} s{rate}")
        if self.passed_over:
            files = "1 file" if self.passed_over == 1 else f"{self.passed_over:,} files"
            lines.append(f"{files} of other kinds passed over")
        if dry_run:
            lines.append("Dry run: nothing was written.")
        return "\n".join(lines)


class NoteSource(Protocol):
    """How what has been gone through of the sources is told, such as `Summary.note_source`."""

    def __call__(self, name: str, *, passed_over: int, is_empty: bool) -> None:
        """`is_empty` where it has neither documents nor anything that could not be listed."""
        ...


class Reporter(Protocol):
    """Shows a run as it goes."""

    def show(self, summary: Summary) -> None:
        """Called after each document."""
        ...


@contextmanager
def open_reporter(*, total: int | None, quiet: bool) -> Iterator[Reporter]:
    """A bar on a terminal, a line every few seconds elsewhere; all of it on standard error."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield _Lines(console, total, quiet=quiet)
        return
    columns = [
        TextColumn("ingesting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console) as progress:
        yield _Bar(progress, total)


class _Bar:
    def __init__(self, progress: Progress, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task("ingesting", total=total, rate="")

    def show(self, summary: Summary) -> None:
        rate = f"{summary.chunks / max(summary.seconds, 1e-9):.0f} chunks/s"
        self._progress.update(self._task, completed=summary.documents, rate=rate)


class _Lines:
    def __init__(self, console: Console, total: int | None, *, quiet: bool) -> None:
        self._console = console
        self._of = f" of {total}" if total is not None else ""
        self._quiet = quiet
        self._last = time.monotonic()

    def show(self, summary: Summary) -> None:
        if self._quiet or time.monotonic() - self._last < _LINE_EVERY_SECONDS:
            return
        self._last = time.monotonic()
        rate = summary.chunks / max(summary.seconds, 1e-9)
        self._console.print(
            f"{summary.documents}{self._of} documents, {summary.chunks} chunks, {rate:.0f} chunks/s", highlight=False
        )
