"""Runs as people read them: Markdown tables."""

from collections.abc import Sequence

from evals.refusing import Tradeoff
from evals.results import Run

# In the order of the table; what no run has is left out.
_MEASURES = {
    "containment": "gold span in the answer",
    "exact_match": "exact match",
    "f1": "F1",
    "citation_precision": "citation precision",
    "citation_recall": "citation recall",
    "groundedness": "groundedness",
    "cited": "answers with a citation",
    "answered": "answerable questions answered",
    "refusal_precision": "refusal precision",
    "refusal_recall": "refusal recall",
    "words": "words",
    "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens",
    "first_text_seconds": "seconds to first text",
    "total_seconds": "seconds in all",
}


def to_table(runs: Sequence[Run]) -> str:
    """A row for each measure, a column for each run: mean (95 % interval), questions where they are not all."""
    names = [run.name for run in runs]
    lines = [f"| {len(runs[0].scores)} questions | {' | '.join(names)} |", "|---" * (len(runs) + 1) + "|"]
    for measure, title in _MEASURES.items():
        cells = [_cell(run, measure) for run in runs]
        if any(cells):
            lines.append(f"| {title} | {' | '.join(cell or '–' for cell in cells)} |")
    return "\n".join(lines)


def to_differences(new: Run, old: Run) -> str:
    """New minus old by question; what lies within its noise is called so."""
    lines = [
        f"| {new.name} minus {old.name}, paired | difference | 95 % interval | |",
        "|---|---|---|---|",
    ]
    titles = _MEASURES | {measure: measure for measure in new.measures if measure not in _MEASURES}
    for measure, title in titles.items():
        difference = new.minus(old, measure)
        if difference is not None and measure not in _HIDDEN:
            low, high = difference.interval
            verdict = "" if difference.is_real else "no difference shown"
            lines.append(f"| {title} | {difference.mean:+.3f} | {low:+.3f} to {high:+.3f} | {verdict} |")
    return "\n".join(lines)


def to_refusals(tradeoff: Tradeoff) -> str:
    """What another threshold would do: chosen on one half of the questions, measured on the other."""
    lines = [
        "| questions refused below | chosen so that on one half | refusal recall | refusal precision | wrongly refused |",
        "|---|---|---|---|---|",
    ]
    for point in tradeoff.points:
        precision = "–" if point.precision is None else f"{point.precision}"
        lines.append(
            f"| {point.threshold:.2f} | {point.chosen} | {point.recall} | {precision} | {point.wrongly_refused} |"
        )
    return "\n".join(lines)


_HIDDEN = frozenset({"nearness", "refused"})


def _cell(run: Run, measure: str) -> str:
    estimate = run.estimate(measure)
    if estimate is None:
        return ""
    if measure.endswith(("seconds", "tokens")) or measure == "words":
        return f"{_median(run, measure):.3g} (median)"
    asked = f", {estimate.questions}" if estimate.questions != len(run.scores) else ""
    return f"{estimate}{asked}"


def _median(run: Run, measure: str) -> float:
    values = sorted(run.values(measure).values())
    return values[len(values) // 2]
