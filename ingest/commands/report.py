"""What the command `run` prints: its progress on standard error, and a summary at its end."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ingest.pipeline.preparation import IngestResult
from rag.formats import FORMAT_NAMES
from rag.logs import report

_LINE_EVERY_SECONDS = 5.0
_REASONS_SHOWN = 20
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
    chunks: int = 0
    passed_over: int = 0
    """Files of other types, which were skipped."""
    empty_sources: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def add(self, result: IngestResult) -> None:
        self.counts[result.status] += 1
        self.chunks += result.chunks
        if result.status == "rejected":
            self.rejected.append(result)

    def note_source(self, name: str, *, passed_over: int, is_empty: bool) -> None:
        """Record the end of one source; `is_empty` means that it has no documents and was listed completely."""
        self.passed_over += passed_over
        self.empty_sources += [name] if is_empty else []

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
        return any(self.counts[status] for status in ("new", "changed", "removed"))

    def to_json(self) -> str:
        return json.dumps(
            {status: self.counts[status] for status in ("new", "changed", "unchanged", "removed")}
            | {"rejected": [{"uri": result.uri, "reason": result.reason} for result in self.rejected]}
            | {"chunks": self.chunks, "seconds": round(self.seconds, 3), "passed_over": self.passed_over}
        )

    def to_text(self, *, dry_run: bool) -> str:
        counts = ", ".join(f"{self.counts[status]} {status}" for status in ("new", "changed", "unchanged", "rejected"))
        removed = f", {self.counts['removed']} removed" if self.counts["removed"] else ""
        rate = f" ({self.rate})" if self.chunks and not dry_run else ""
        lines = [f"  rejected {result.uri}: {result.reason}" for result in self.rejected[:_REASONS_SHOWN]]
        if len(self.rejected) > _REASONS_SHOWN:
            lines.append(f"  … and {len(self.rejected) - _REASONS_SHOWN} more; --json lists all of them")
        lines += [f"  nothing in {name}: {_NO_DOCUMENTS}" for name in self.empty_sources]
        lines.append(f"{self.documents} documents: {counts}{removed}")
        lines.append(f"{self.chunks} chunks in {self.seconds:.1f} s{rate}")
        if self.passed_over:
            files = "1 file" if self.passed_over == 1 else f"{self.passed_over:,} files"
            lines.append(f"{files} of other types skipped")
        if dry_run:
            lines.append("Dry run: nothing was written.")
        return "\n".join(lines)


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
