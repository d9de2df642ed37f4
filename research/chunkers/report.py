"""The results as Markdown tables and a plot. In a committed report, the tables between two marks are replaced."""

import re
from collections.abc import Sequence
from pathlib import Path

from evals.plots import open_figure
from evals.statistics import compare
from rag.errors import InvalidInput
from research.chunkers.measurement import ChunkingResult
from research.chunkers.selection import CrossValidation, best_of_each

PUBLISHED = {"TokenText 250/125": (82.4, 3.6, 3.5), "TokenText 250/0": (77.1, None, None)}
"""Published recall, precision and IoU in per cent (Smith and Troynikov, 2024; all-MiniLM-L6-v2, dense, 5 passages)."""

_LIMIT = 5
_MARKED = re.compile(r"(<!-- figures -->\n).*(<!-- end of figures -->)", re.DOTALL)
_IMAGE = re.compile(r"!\[[^\]]*\]\(([^)]+\.svg)\)")
_COLUMNS = ("chunker", "chunks", "characters", "search", "passages", "recall", "precision", "IoU", "best precision")


def to_table(results: Sequence[ChunkingResult]) -> str:
    """Return the results for five passages in per cent, with 95 % intervals. The last column is a perfect retrieval."""
    rows = [_to_row(result) for result in results if result.limit == _LIMIT]
    return "\n".join([f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|", *rows])


def to_reproduction(results: Sequence[ChunkingResult]) -> str:
    lines = [
        "| as published | recall | measured | precision | measured | IoU | measured |",
        "|---|---|---|---|---|---|---|",
    ]
    for chunker, published in PUBLISHED.items():
        [result] = [each for each in results if (each.chunker, each.mode, each.limit) == (chunker, "dense", _LIMIT)]
        measured = (result.mean(measure) * 100 for measure in ("recall", "precision", "iou"))
        cells = [f"{known or ''} | {value:.1f}" for known, value in zip(published, measured, strict=True)]
        lines.append(f"| {chunker} | {' | '.join(cells)} |")
    return "\n".join(lines)


def to_best(results: Sequence[ChunkingResult]) -> str:
    """Return each chunker's best number of passages with sufficient precision, for hybrid search."""
    rows = map(_to_row, best_of_each(results))
    return "\n".join([f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|", *rows])


def to_differences(chosen: ChunkingResult, results: Sequence[ChunkingResult]) -> str:
    """Return the paired differences between the chosen configuration and the best one of each other chunker."""
    lines = [f"| {chosen.name} minus | recall | precision |", "|---|---|---|"]
    for other in best_of_each(results):
        if other.chunker != chosen.chunker:
            cells = [_difference(chosen, other, measure) for measure in ("recall", "precision")]
            lines.append(f"| {other.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def to_choice(choice: CrossValidation) -> str:
    lines = ["| left out | chosen on the others |", "|---|---|"]
    lines += [f"| {corpus} | {name} |" for corpus, name in choice.chosen.items()]
    recall = _per_cent(choice.recall, choice.recall_interval)
    precision = _per_cent(choice.precision, choice.precision_interval)
    return "\n".join([*lines, "", f"On the corpora left out: recall {recall}, precision {precision}."])


def to_corpora(result: ChunkingResult) -> str:
    lines = [f"| {result.name} | questions | recall | precision | IoU |", "|---|---|---|---|---|"]
    for corpus in sorted(set(result.corpora)):
        values = (f"{result.mean(measure, [corpus]) * 100:.1f}" for measure in ("recall", "precision", "iou"))
        lines.append(f"| {corpus} | {result.corpora.count(corpus)} | {' | '.join(values)} |")
    return "\n".join(lines)


def plot(results: Sequence[ChunkingResult], path: Path) -> None:
    """Plot recall against precision for hybrid search: a curve per chunker, a point per number of passages."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for result in results:
        if result.mode == "hybrid":
            curves.setdefault(result.chunker, []).append((result.mean("precision"), result.mean("recall")))
    with open_figure(path) as axes:
        for number, (name, points) in enumerate(curves.items()):
            x, y = zip(*points, strict=True)
            # The colours repeat after ten curves, so the markers must differ then.
            axes.plot(x, y, marker="osv^"[number // 10], markersize=3, linewidth=1, label=name)
        axes.set(xlabel="precision", ylabel="recall", title="Three to twenty passages, hybrid search")
        axes.legend(fontsize=6)


def find_plot(report: Path) -> Path:
    """Return the first SVG file that the report shows. Raise `InvalidInput` if it shows none."""
    image = _IMAGE.search(report.read_text(encoding="utf-8"))
    if image is None:
        raise InvalidInput(f"{report} shows no SVG file that could be replaced. Add an image to it.")
    return (report.parent / image[1]).resolve()


def write_report(figures: str, path: Path) -> None:
    """Replace the text between the marks of the report. Raise `InvalidInput` if it has none."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not _MARKED.search(text):
        raise InvalidInput(
            f"{path} lacks the marks <!-- figures --> and <!-- end of figures -->. Add them where the tables belong."
        )
    path.write_text(_MARKED.sub(lambda match: f"{match[1]}\n{figures}\n\n{match[2]}", text), encoding="utf-8")


def _difference(chosen: ChunkingResult, other: ChunkingResult, measure: str) -> str:
    difference = compare(chosen.values(measure), other.values(measure))
    low, high = difference.interval
    return f"{difference.mean * 100:+.1f} ({low * 100:+.1f} to {high * 100:+.1f})"


def _to_row(result: ChunkingResult) -> str:
    values = (_per_cent(result.mean(measure), result.interval(measure)) for measure in ("recall", "precision", "iou"))
    return (
        f"| {result.chunker} | {result.chunks} | {result.characters:.0f} | {result.mode} | {result.limit} "
        f"| {' | '.join(values)} | {result.omega * 100:.1f} |"
    )


def _per_cent(value: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{value * 100:.1f} ({low * 100:.1f} to {high * 100:.1f})"
