"""Which panels make the report: the same few that the page's Operate view has."""

from collections.abc import Sequence

from dashboards.boards import ingestion, overview, requests, retrieval, saturation
from dashboards.grafana import Board, Panel
from dashboards.slos import slos

_CHOSEN = {
    "overview": ("Time to first token, as users see it", "Requests by outcome"),
    "requests": ("Stages, p95", "Stages, share of all time", "Gaps between tokens"),
    "saturation": ("Requests in flight", "How full"),
    "retrieval": ("Refused", "Grounded", "A day's questions against the reference"),
    "ingestion": ("Entries by state", "From the inbox to being found, p50 and p95"),
}


def chosen_panels() -> Sequence[Panel]:
    """In the order in which one looks at them."""
    boards = (overview.board(slos()), requests.BOARD, saturation.BOARD, retrieval.BOARD, ingestion.BOARD)
    return [panel for board in boards for panel in _of(board)]


def _of(board: Board) -> Sequence[Panel]:
    by_title = {panel.title: panel for row in board.rows for panel in row.panels}
    return [by_title[title] for title in _CHOSEN[board.name]]
