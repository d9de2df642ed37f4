"""The same rules and the same jobs for the Prometheus operator, which reads them as objects of a cluster."""

from collections.abc import Mapping, Sequence
from typing import Any

_API = "monitoring.coreos.com/v1"
# The label that says which program a Service's pods run; rules and dashboards know it as `job`.
_NAME = "app.kubernetes.io/name"


def prometheus_rule(files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One object with the groups of all files of rules."""
    return {
        "apiVersion": _API,
        "kind": "PrometheusRule",
        "metadata": {"name": "groundwork"},
        "spec": {"groups": [group for file in files for group in file["groups"]]},
    }


def service_monitors(prometheus: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One for each job of a configuration of Prometheus, with its interval and its limits."""
    interval = prometheus["global"]["scrape_interval"]
    return [_monitor(job, interval) for job in prometheus["scrape_configs"]]


def _monitor(job: Mapping[str, Any], interval: str) -> dict[str, Any]:
    return {
        "apiVersion": _API,
        "kind": "ServiceMonitor",
        "metadata": {"name": job["job_name"]},
        "spec": {
            "jobLabel": _NAME,
            "selector": {"matchLabels": {_NAME: job["job_name"], "app.kubernetes.io/component": "metrics"}},
            # Tells the versions of a rollout apart; absent where there is no rollout.
            "podTargetLabels": ["rollouts-pod-template-hash"],
            "sampleLimit": job["sample_limit"],
            "endpoints": [{"port": "metrics", "path": "/metrics", "interval": interval, "scrapeTimeout": "10s"}],
        },
    }
