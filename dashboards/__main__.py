"""`python -m dashboards`: writes the dashboards and the rules, and what a cluster gets of them, beside this file."""

import argparse
import json
import sys
from pathlib import Path

import yaml

from dashboards import cluster
from dashboards.boards import ingestion, overview, requests, retrieval, saturation
from dashboards.slos import FIRST_TEXT_BOUNDARIES, rules, slos

_HERE = Path(__file__).parent
_HEADER = "# Written by `python -m dashboards` from dashboards/slos.py: change it there.\n"
_CLUSTER_HEADER = "# Written by `python -m dashboards` from dashboards/{source}: change it there.\n"


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
    written_rules = _dump(rules(objectives))
    return {**generated, "rules/slo.yml": _HEADER + written_rules, **_cluster_files(written_rules)}


def _cluster_files(slo_rules: str) -> dict[str, str]:
    by_hand = [(_HERE / "rules" / name).read_text(encoding="utf-8") for name in ("alerts.yml", "drift.yml")]
    rule = cluster.prometheus_rule([yaml.safe_load(text) for text in (*by_hand, slo_rules)])
    monitors = cluster.service_monitors(yaml.safe_load((_HERE / "prometheus.yml").read_text(encoding="utf-8")))
    return {
        "kubernetes/rules.yaml": _CLUSTER_HEADER.format(source="rules/") + _dump(rule),
        "kubernetes/monitors.yaml": _CLUSTER_HEADER.format(source="prometheus.yml")
        + "---\n".join(map(_dump, monitors)),
    }


def _dump(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=120, allow_unicode=True)


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
