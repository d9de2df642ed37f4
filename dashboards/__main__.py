"""`python -m dashboards`: write the generated dashboards, rules and Kubernetes objects into this folder."""

import argparse
import json
import sys
from pathlib import Path

import yaml

from dashboards import cluster
from dashboards.boards import ingestion, overview, requests, retrieval, saturation
from dashboards.slos import FIRST_TEXT_BOUNDARIES, rules, slos

_HERE = Path(__file__).parent
_HEADER = "# Generated from dashboards/slos.py by `python -m dashboards`. Do not edit.\n"
_CLUSTER_HEADER = "# Generated from dashboards/{source} by `python -m dashboards`. Do not edit.\n"


def main() -> int:
    arguments = _parse_arguments()
    for path, text in files(first_text_seconds=arguments.first_text_seconds).items():
        (_HERE / path).write_text(text, encoding="utf-8")
    return 0


def files(*, first_text_seconds: float = 2.0) -> dict[str, str]:
    """Return the generated files: path below this folder to text."""
    objectives = slos(first_text_seconds=first_text_seconds)
    boards = (overview.board(objectives), requests.BOARD, retrieval.BOARD, ingestion.BOARD, saturation.BOARD)
    generated = {f"grafana/{board.name}.json": json.dumps(board.to_json(), indent=1) + "\n" for board in boards}
    slo_rules = _dump(rules(objectives))
    return {**generated, "rules/slo.yml": _HEADER + slo_rules, **_cluster_files(slo_rules)}


def _cluster_files(slo_rules: str) -> dict[str, str]:
    handwritten = [(_HERE / "rules" / name).read_text(encoding="utf-8") for name in ("alerts.yml", "drift.yml")]
    rule = cluster.prometheus_rule([yaml.safe_load(text) for text in (*handwritten, slo_rules)])
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
        help="latency objective: 95 %% of answers send their first token within SECONDS (default: %(default)s). "
        "Must be a bucket boundary of rag_time_to_first_token_seconds. "
        "Use the value of RAG_ANSWERING__FIRST_TEXT_SECONDS.",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
