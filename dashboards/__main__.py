"""`python -m dashboards`: writes the dashboards and the rules of the SLOs beside this file."""

import argparse
import json
import sys
from pathlib import Path

import yaml

from dashboards.boards import ingestion, overview, requests, retrieval, saturation
from dashboards.slos import FIRST_TEXT_BOUNDARIES, rules, slos

_HERE = Path(__file__).parent
_HEADER = "# Written by `python -m dashboards` from dashboards/slos.py: change it there.\n"


def main() -> int:
    arguments = _parse_arguments()
    for path, text in files(first_text_seconds=arguments.first_text_seconds).items():
        (_HERE / path).write_text(text, encoding="utf-8")
    return 0


def files(*, first_text_seconds: float = 2.0) -> dict[str, str]:
    """Path below this folder to text."""
    objectives = slos(first_text_seconds=first_text_seconds)
    boards = (overview.board(objectives), requests.BOARD, retrieval.BOARD, ingestion.BOARD, saturation.BOARD)
    generated = {f"grafana/{board.name}.json": json.dumps(board.to_json(), indent=1) + "\n" for board in boards}
    written_rules = yaml.safe_dump(rules(objectives), sort_keys=False, width=120, allow_unicode=True)
    return {**generated, "rules/slo.yml": _HEADER + written_rules}


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    parser.add_argument(
        "--first-text-seconds",
        type=float,
        default=2.0,
        choices=FIRST_TEXT_BOUNDARIES,
        metavar="SECONDS",
        help="what 95 %% of the first tokens must keep, best RAG_ANSWERING__FIRST_TEXT_SECONDS (default: %(default)s); "
        "one of the histogram's boundaries",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
