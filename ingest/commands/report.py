"""The output of the command `run`: its progress on standard error, and a summary at its end."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ingest.commands.source_report import SourceReport
from ingest.pipeline.preparation import IngestResult
from ingest.sources.notes import SourceNotes
from rag.formats import FORMAT_NAMES
from rag.logs import report

_LINE_EVERY_SECONDS = 5.0
_LINES_SHOWN = 20
_NO_DOCUMENTS = (
    f"no {FORMAT_NAMES}. Check the path. "
    "Hidden files and files that .ragignore or --ignore match do not count as documents."
)


@dataclass
class Summary:
    """The results of one run, counted."""

    counts: Counter[str] = field(default_factory=Counter)
    """Documents by status."""
    rejected: list[IngestResult] = field(default_factory=list)
    empty: list[IngestResult] = field(default_factory=list)
    warned: list[IngestResult] = field(default_factory=list)
    """Documents with warnings, whether they were ingested now or are unchanged."""
    chunks: int = 0
    sources: SourceReport = field(default_factory=SourceReport)
    empty_sources: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def add(self, result: IngestResult) -> None:
        self.counts[result.status] += 1
        self.chunks += result.chunks
        if result.status == "rejected":
            self.rejected.append(result)
        if result.status == "empty":
            self.empty.append(result)
        if result.warnings:
            self.warned.append(result)

    def note_source(self, name: str, notes: SourceNotes, *, is_empty: bool) -> None:
        """Record the end of one source; `is_empty` means that it has listed neither a document nor a rejection."""
        self.sources.add(name, notes)
        if is_empty:
            self.empty_sources.append(name)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def rate(self) -> str:
        return f"{self.chunks / max(self.seconds, 1e-9):.0f} chunks/s"

    @property
    def documents(self) -> int:
        return self.counts.total()

    @property
    def changes_collection(self) -> bool:
        return any(self.counts[status] for status in ("new", "changed", "removed")) or any(
            result.changes_collection for result in self.empty
        )

    @property
    def has_warnings(self) -> bool:
        return bool(self.warned or self.sources.warnings)

    def to_json(self, *, verbose: bool = False) -> str:
        return json.dumps(
            {status: self.counts[status] for status in ("new", "changed", "unchanged", "removed")}
            | {"empty": [result.uri for result in self.empty]}
            | {"rejected": [{"uri": result.uri, "reason": result.reason} for result in self.rejected]}
            | {"warnings": [_to_fields(result) for result in self.warned]}
            | {"chunks": self.chunks, "seconds": round(self.seconds, 3)}
            | self.sources.to_fields(verbose=verbose)
        )

    def to_text(self, *, dry_run: bool, verbose: bool = False) -> str:
        counts = ", ".join(f"{self.counts[status]} {status}" for status in ("new", "changed", "unchanged", "rejected"))
        more = "".join(f", {self.counts[status]} {status}" for status in ("empty", "removed") if self.counts[status])
        rate = f" ({self.rate})" if self.chunks and not dry_run else ""
        lines = _first([f"  rejected {result.uri}: {result.reason}" for result in self.rejected])
        lines += _first(
            [f"  {result.uri}: {' '.join(it.to_text() for it in result.warnings)}" for result in self.warned]
        )
        lines += _first(self.sources.warning_lines(verbose=verbose))
        lines += [f"  nothing in {name}: {_NO_DOCUMENTS}" for name in self.empty_sources]
        lines.append(f"{self.documents} documents: {counts}{more}")
        lines += self._count_warnings()
        lines.append(f"{self.chunks} chunks in {self.seconds:.1f} s{rate}")
        lines += self.sources.passed_over_lines(verbose=verbose)
        if dry_run:
            lines.append("Dry run: nothing was written.")
        return "\n".join(lines)

    def _count_warnings(self) -> list[str]:
        """Return a line about the documents with gaps, and one about those that may be misread."""
        lines = []
        for loses_text, meaning in ((True, "with gaps"), (False, "but possibly misread")):
            codes = [{it.code for it in result.warnings if it.loses_text == loses_text} for result in self.warned]
            if found := Counter(code for some in codes for code in some):
                by_code = ", ".join(f"{code} {documents:,}" for code, documents in found.most_common())
                lines.append(f"{sum(map(bool, codes)):,} ready {meaning}: {by_code}")
        return lines


def _first(lines: list[str]) -> list[str]:
    more = len(lines) - _LINES_SHOWN
    return lines[:_LINES_SHOWN] + ([f"  … and {more:,} more; --json lists all of them"] if more > 0 else [])


def _to_fields(result: IngestResult) -> dict[str, Any]:
    warnings = [asdict(warning) | {"loses_text": warning.loses_text} for warning in result.warnings]
    return {"uri": result.uri, "warnings": warnings}


@contextmanager
def open_reporter(*, total: int | None, quiet: bool, as_json: bool) -> Iterator[Callable[[Summary], None]]:
    """Yield a function that shows the counts so far on standard error; call it after each document.

    On a terminal it moves a progress bar, elsewhere and with `as_json` it logs a line every few seconds.
    `total` is the expected number of documents, if it is known.
    """
    console = Console(stderr=True)
    if quiet:
        yield lambda _: None
        return
    if as_json or not console.is_terminal:
        yield _Lines(total).show
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
        task = progress.add_task("ingesting", total=total, rate="")
        yield lambda summary: progress.update(task, completed=summary.documents, rate=summary.rate)


class _Lines:
    def __init__(self, total: int | None) -> None:
        self._of_total = f" of {total}" if total is not None else ""
        self._last = time.monotonic()

    def show(self, summary: Summary) -> None:
        if time.monotonic() - self._last >= _LINE_EVERY_SECONDS:
            self._last = time.monotonic()
            counts = f"{summary.documents}{self._of_total} documents, {summary.chunks} chunks"
            report("ingesting", f"{counts}, {summary.rate}")
