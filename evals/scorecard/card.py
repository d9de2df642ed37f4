"""The result of a scorecard: figures of one service, the kept rows beside it, and their table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from evals.statistics import bootstrap
from rag.errors import InvalidInput

KEPT = Path(__file__).parent / "rows.json"
"""The rows of services that were measured for comparison."""

_TITLES = {
    "questions": "questions",
    "right": "right",
    "partly": "partly right",
    "wrong": "wrong with confidence",
    "unsure": "answers that say that they are unsure",
    "refusal_precision": "refusals that are right",
    "refusal_recall": "unanswerable questions refused",
    "sourced": "answers with a source",
    "citation_precision": "recognised sources that are right",
    "failed": "questions without a complete answer",
    "first_text": "first text: median, p95",
    "total": "whole answer: median, p95",
    "overload": "many questions at once",
    "leaving": "clients leave in mid-stream",
    "model_slow": "the model begins after 5 s",
    "model_fails": "the model answers with status 500",
    "model_breaks": "the model breaks off in mid-stream",
    "model_hangs": "the model never answers",
}
NOT_MEASURED = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One cell of the table, and its value for programs."""

    text: str
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured service."""

    name: str
    command: str
    """The command that measured it."""
    conditions: str
    """Date, processor, and what else decides the times."""
    figures: Mapping[str, Figure]


def share(values: Sequence[float]) -> Figure:
    """Return a share with its 95 % interval, and the number of questions that it is over."""
    if not values:
        return Figure(text=NOT_MEASURED)
    mean = sum(values) / len(values)
    low, high = bootstrap(values)
    text = f"{100 * mean:.0f} % ({100 * low:.0f} to {100 * high:.0f}) of {len(values)}"
    return Figure(text=text, value=mean)


def seconds(values: Sequence[float]) -> Figure:
    """Return median and 95th percentile."""
    if not values:
        return Figure(text=NOT_MEASURED)
    ordered = sorted(values)
    median, late = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return Figure(text=f"{median:.2f} s, {late:.2f} s", value=median)


def to_table(rows: Sequence[Row]) -> str:
    """Return a table with a column per service, and a second one with the command and conditions of each."""
    keys = [key for key in _TITLES if any(key in row.figures for row in rows)]
    lines = [f"| | {' | '.join(row.name for row in rows)} |", "|---" * (len(rows) + 1) + "|"]
    for key in keys:
        cells = [row.figures[key].text if key in row.figures else NOT_MEASURED for row in rows]
        lines.append(f"| {_TITLES[key]} | {' | '.join(cells)} |")
    lines += ["", "| | measured by | on |", "|---|---|---|"]
    lines += [f"| {row.name} | `{row.command}` | {row.conditions} |" for row in rows]
    return "\n".join(lines)


def read_rows(path: Path) -> list[Row]:
    """Read rows. Raise `InvalidInput` for a file that has none."""
    try:
        return [
            Row(**{**row, "figures": {key: Figure(**figure) for key, figure in row["figures"].items()}})
            for row in json.loads(path.read_text(encoding="utf-8"))
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{path} cannot be read as rows of scorecards: {error!r}") from error


def keep(row: Row, path: Path) -> None:
    """Write the row into the file, in place of a row of the same name."""
    rows = {kept.name: kept for kept in read_rows(path)} if path.exists() else {}
    rows[row.name] = row
    path.write_text(json.dumps([asdict(each) for each in rows.values()], indent=1, ensure_ascii=False) + "\n", "utf-8")
