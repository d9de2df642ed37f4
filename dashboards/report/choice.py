"""Which panels make the report: the same few that the page's Operate view has."""

import json
from collections.abc import Sequence
from pathlib import Path

from dashboards.boards import ingestion, overview, requests, retrieval, saturation
from dashboards.grafana import Board, Panel
from dashboards.slos import slos

_WRITTEN = Path(__file__).parents[1] / "grafana" / "overview.json"
_CHOSEN = {
    "overview": (overview.FIRST_TOKEN, "Requests by outcome"),
    "requests": ("Stages, p95", "Requests in each stage", "Gaps between tokens"),
    "saturation": ("Requests in flight", "How full"),
    "retrieval": ("Refused", "Grounded", "A day's questions against the reference"),
    "ingestion": ("Entries by state", "From the inbox to being found, p50 and p99"),
}


def chosen_panels(written: Path = _WRITTEN) -> Sequence[Panel]:
    """In the order in which one looks at them; what is promised is what the dashboards were written with."""
    objectives = slos(first_text_seconds=promised(written))
    boards = (overview.board(objectives), requests.BOARD, saturation.BOARD, retrieval.BOARD, ingestion.BOARD)
    return [panel for board in boards for panel in _of(board)]


def _of(board: Board) -> Sequence[Panel]:
    by_title = {panel.title: panel for row in board.rows for panel in row.panels}
    return [by_title[title] for title in _CHOSEN[board.name]]


def promised(written: Path = _WRITTEN) -> float:
    """Seconds to the first text that 95 % of answers keep."""
    panels = json.loads(written.read_text(encoding="utf-8"))["panels"]
    (panel,) = [panel for panel in panels if panel["title"] == overview.FIRST_TOKEN]
    seconds: float = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"]
    return seconds
