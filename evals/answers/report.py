"""Reports of answer runs: Markdown tables, and a folder with JSON, tables and plots."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from evals.answers.declining import Tradeoff, weigh_declining
from evals.answers.gold import QuestionSet
from evals.answers.plots import plot_quality_against_time, plot_tradeoff
from evals.answers.results import AnswerRun, read_runs, write_runs
from rag.errors import InvalidInput

# In the order of the table. Measures that no run has are left out.
_MEASURES = {
    "right": "right",
    "partly": "partly right",
    "right_or_partly": "right or partly",
    "wrong": "wrong",
    "wrong_with_confidence": "wrong with confidence",
    "unsure": "unsure",
    "first_sentence": "answered in the first sentence",
    "sentence_f1": "sentence F1",
    "containment": "answers containing a gold span",
    "exact_match": "exact match",
    "f1": "F1",
    "citation_precision": "citation precision",
    "citation_recall": "citation recall",
    "groundedness": "groundedness",
    "cited": "answers with a citation",
    "answered": "answerable questions answered",
    "refusal_precision": "refusal precision",
    "refusal_recall": "refusal recall",
    "nDCG@10": "search: nDCG@10",
    "R@3": "search: R@3",
    "R@5": "search: R@5",
    "RR@10": "search: RR@10",
    "words": "words",
    "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens",
    "first_text_seconds": "seconds to first text",
    "total_seconds": "seconds in total",
}
_BY_KIND = ("right", "partly", "wrong", "wrong_with_confidence", "first_sentence", "sentence_f1", "R@3")
# Inputs of other tables.
_HIDDEN = frozenset({"nearness", "declined", "not_misleading"})


def report_answers(questions: QuestionSet, runs: Sequence[AnswerRun], *, threshold: float) -> str:
    """Return the tables of measures, differences between modes, and thresholds for declining."""
    tables = [to_table(runs), *(to_kinds(run) for run in runs if len(set(run.kinds.values())) > 1)]
    tables += [to_differences(run, runs[0]) for run in runs[1:]]
    if tradeoff := weigh_declining(questions.questions, runs[0], threshold=threshold):
        tables.append(to_declining(tradeoff))
    return "\n\n".join(tables)


def write_report(questions: QuestionSet, runs: Sequence[AnswerRun], folder: Path, *, threshold: float) -> None:
    """Write `<set>.json`, `<set>.md` and the plots, named after the question set."""
    folder.mkdir(parents=True, exist_ok=True)
    name = questions.name
    write_runs(runs, folder / f"{name}.json")
    plots = [f"{name}-time.svg"]
    plot_quality_against_time(runs, folder / plots[0], title=name)
    if tradeoff := weigh_declining(questions.questions, runs[0], threshold=threshold):
        plots.append(f"{name}-declined.svg")
        plot_tradeoff(tradeoff, folder / plots[1], title=name)
    images = "\n".join(f"![{plot}]({plot})" for plot in plots)
    conditions = ", ".join(f"{name} {value}" for name, value in runs[0].conditions.items())
    text = f"# {name}\n\n{report_answers(questions, runs, threshold=threshold)}\n\n{images}\n\n{conditions}\n"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")


def compare_files(new: Path, old: Path) -> str:
    """Compare the runs of equal name, or the only run of each file. Raise `InvalidInput` if nothing can be paired."""
    return "\n\n".join(to_differences(after, before) for after, before in _pairs(read_runs(new), read_runs(old)))


def to_table(runs: Sequence[AnswerRun]) -> str:
    """Return a table with a row per measure and a column per run: mean, 95 % interval, and questions if not all."""
    names = [run.name for run in runs]
    # If all questions are answerable, every declined one is wrong and "answerable questions answered" shows it already.
    has_unanswerable = "refusal_recall" in runs[0].measures
    lines = [f"| {len(runs[0].scores)} questions | {' | '.join(names)} |", "|---" * (len(runs) + 1) + "|"]
    for measure, title in _MEASURES.items():
        cells = [_cell(run, measure) for run in runs]
        if any(cells) and (measure != "refusal_precision" or has_unanswerable):
            lines.append(f"| {title} | {' | '.join(cell or '-' for cell in cells)} |")
    return "\n".join(lines)


def to_kinds(run: AnswerRun) -> str:
    """Return a table with a row per kind of question."""
    titles = " | ".join(_MEASURES[measure] for measure in _BY_KIND)
    lines = [
        f"| {run.name}, by kind | questions | {titles} | unsure | declined |",
        "|---" * (len(_BY_KIND) + 4) + "|",
    ]
    kinds: dict[str, list[str]] = {}
    for question, kind in run.kinds.items():
        kinds.setdefault(kind, []).append(question)
    for kind, ids in (*kinds.items(), ("all", list(run.kinds))):
        scores = [run.scores[question] for question in ids if question in run.scores]
        means = (_mean([values[measure] for values in scores if measure in values]) for measure in _BY_KIND)
        unsure, declined = (sum(values.get(state, 0.0) for values in scores) for state in ("unsure", "declined"))
        lines.append(f"| {kind} | {len(scores)} | {' | '.join(means)} | {unsure:.0f} | {declined:.0f} |")
    return "\n".join(lines)


def to_differences(new: AnswerRun, old: AnswerRun) -> str:
    """Return a table of the differences new minus old, paired by question."""
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


def to_declining(tradeoff: Tradeoff) -> str:
    """Return a table of other thresholds, each chosen on one half of the questions and measured on the other."""
    lines = [
        "| threshold | chosen on one half so that | refusal recall | refusal precision | wrongly declined |",
        "|---|---|---|---|---|",
    ]
    for point in tradeoff.points:
        precision = "-" if point.precision is None else f"{point.precision}"
        lines.append(
            f"| {point.threshold:.2f} | {point.chosen} | {point.recall} | {precision} | {point.wrongly_declined} |"
        )
    return "\n".join(lines)


def _cell(run: AnswerRun, measure: str) -> str:
    estimate = run.estimate(measure)
    if estimate is None:
        return ""
    if measure.endswith(("seconds", "tokens")) or measure == "words":
        return f"{_median(run, measure):.3g} (median)"
    questions = f", {estimate.questions}" if estimate.questions != len(run.scores) else ""
    return f"{estimate}{questions}"


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.2f}" if values else "-"


def _median(run: AnswerRun, measure: str) -> float:
    values = sorted(run.values(measure).values())
    return values[len(values) // 2]


def _pairs(new: Sequence[AnswerRun], old: Sequence[AnswerRun]) -> Iterator[tuple[AnswerRun, AnswerRun]]:
    pairs = [(after, before) for after, before in itertools.product(new, old) if after.name == before.name]
    if not pairs and len(new) == len(old) == 1:
        pairs = [(new[0], old[0])]
    if not pairs:
        raise InvalidInput("The two files have no run of the same name, so they cannot be compared.")
    if not set(pairs[0][0].scores) & set(pairs[0][1].scores):
        raise InvalidInput("The two files have no question in common, so they cannot be compared.")
    yield from pairs
