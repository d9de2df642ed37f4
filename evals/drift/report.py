"""The report of a drift test: a summary, the documents nearest to the changed questions, and a plot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import numpy as np

from evals.drift.comparison import DriftComparison
from evals.drift.samples import Sample
from evals.plots import open_figure
from rag.store.base import StoreReader
from rag.types import Query, Scope

_MAX_LISTED = 20
_WIDTH = 100
_HEADER = "| feature | PSI | expected by chance |\n|---|---|---|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """A changed question and its nearest passage."""

    question: int
    title: str
    uri: str
    similarity: float


async def find_nearest(store: StoreReader, scope: Scope, current: Sample, moved: Sequence[int]) -> list[Nearest]:
    """Return the nearest passage of each changed question, by vector similarity."""
    nearest_passages = []
    for question in moved[:_MAX_LISTED]:
        # Windows contain no texts, so only vectors can be searched.
        query = Query(text="", vector=current.observations[question].vector, words_share=0.0)
        for hit in await store.search(scope, query, limit=1):
            nearest = Nearest(
                question=int(question), title=hit.chunk.title, uri=hit.chunk.uri, similarity=hit.similarity
            )
            nearest_passages.append(nearest)
    return nearest_passages


def describe(comparison: DriftComparison, current: Sample, nearest: Sequence[Nearest], *, relevant: float) -> str:
    """Return the report as text. Below the cosine `relevant`, the service declines to answer."""
    shift, low_high = comparison.shift, comparison.separation.interval
    lines = [
        f"{'Drifted' if comparison.drifted else 'No drift shown'}: p = {shift.p_value:.4f} "
        f"(threshold {comparison.threshold:.4g}), MMD² = {shift.mmd:.5f}, "
        f"outliers {shift.outliers:+.1f} standard deviations",
        "A classifier separates the two samples with AUC {:.3f} ({:.3f} to {:.3f}).".format(
            comparison.separation.auc, *low_high
        ),
        "",
        _HEADER,
        *(feature.to_row() for feature in comparison.features),
        "",
        f"{len(comparison.moved)} of {len(current.observations)} questions are unlike the reference; "
        f"{comparison.moved_by_chance:.0f} are expected by chance.",
    ]
    return "\n".join([*lines, *_moved_lines(comparison, current, nearest, relevant)])


def _moved_lines(
    comparison: DriftComparison, current: Sample, nearest: Sequence[Nearest], relevant: float
) -> Iterator[str]:
    if not nearest:
        for question in comparison.moved[:_MAX_LISTED] if current.texts else ():
            yield f"- {_name(current, int(question))}"
        return
    missing = sum(each.similarity < relevant for each in nearest)
    yield f"{missing} of the {len(nearest)} least similar questions have no near passage: their topic may be missing."
    yield ""
    yield "| question | nearest document | cosine |"
    yield "|---|---|---|"
    for each in nearest:
        yield f"| {_name(current, each.question)} | {each.title or each.uri} | {each.similarity:.2f} |"


def plot_samples(comparison: DriftComparison, reference: Sample, current: Sample, path: Path) -> None:
    """Plot both samples. x points to the changed questions, and y is the widest remaining direction."""
    before, now = reference.vectors, current.vectors
    is_moved = np.isin(np.arange(len(now)), comparison.moved)
    towards = (now[is_moved] if is_moved.any() else now).mean(axis=0) - before.mean(axis=0)
    across = towards / (np.linalg.norm(towards) or 1.0)
    everything = np.concatenate([before, now]) - before.mean(axis=0)
    rest = everything - np.outer(everything @ across, across)
    _, _, axes = np.linalg.svd(rest, full_matrices=False)
    points = everything @ np.stack([across, axes[0]]).T
    old, new = points[: len(before)], points[len(before) :]
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_figure(path) as figure:
        figure.scatter(*old.T, s=8, color="0.7", label=f"reference ({len(before)})")
        figure.scatter(*new[~is_moved].T, s=8, color="tab:blue", label=f"current ({len(now)})")
        figure.scatter(
            *new[is_moved].T, s=14, color="tab:red", marker="x", label=f"unlike the reference ({is_moved.sum()})"
        )
        figure.set(
            xlabel="towards the changed questions", ylabel="widest other direction", title="Questions in two dimensions"
        )
        figure.legend(fontsize=7)


def _name(current: Sample, question: int) -> str:
    if current.texts is None:
        return f"number {question + 1}"
    return shorten(current.texts[question].replace("|", "/"), _WIDTH, placeholder=" …")
