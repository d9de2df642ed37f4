"""The result of each format, as a row of a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from rag.formats import format_of
from research.extraction.measurement import FileResult, Skipped

HEADER: Final = (
    "| format | files | words | recall, mean of files | recall, all words | below 0.98 without a warning "
    "| good with a warning of lost text | not compared |\n|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatResult:
    """The files of one format. Both recalls are over the files without a warning of lost text."""

    name: str
    files: int
    words: int
    mean_recall: float | None
    word_recall: float | None
    silent_losses: int
    good: int
    good_with_warning: int
    skipped: int

    def to_row(self) -> str:
        recalls = ["-" if recall is None else f"{recall:.4f}" for recall in (self.mean_recall, self.word_recall)]
        warned = f"{self.good_with_warning} of {self.good}"
        cells = [self.name, self.files, f"{self.words:,}", *recalls, self.silent_losses, warned, self.skipped]
        return f"| {' | '.join(map(str, cells))} |"


def by_format(results: Sequence[FileResult | Skipped]) -> Iterator[FormatResult]:
    """Summarise the results per format."""
    ordered = sorted(results, key=lambda result: result.media_type)
    for media_type, group in groupby(ordered, lambda result: result.media_type):
        yield _summary(format_of(media_type).name, list(group))


def _summary(name: str, results: Sequence[FileResult | Skipped]) -> FormatResult:
    compared = [result for result in results if isinstance(result, FileResult)]
    complete = [result for result in compared if not result.loses_text]
    good = [result for result in compared if result.is_good]
    words = sum(result.words for result in complete)
    return FormatResult(
        name=name,
        files=len(compared),
        words=sum(result.words for result in compared),
        mean_recall=sum(result.recall for result in complete) / len(complete) if complete else None,
        word_recall=sum(result.found for result in complete) / words if words else None,
        silent_losses=sum(not result.is_good for result in complete),
        good=len(good),
        good_with_warning=sum(result.loses_text for result in good),
        skipped=len(results) - len(compared),
    )
