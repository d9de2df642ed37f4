"""Rules and scrape jobs as Kubernetes objects for the Prometheus operator."""

from collections.abc import Mapping, Sequence
from typing import Any

_API = "monitoring.coreos.com/v1"
# The operator copies this label of the Service to `job`, which the rules and dashboards select by.
_NAME = "app.kubernetes.io/name"


def prometheus_rule(files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one PrometheusRule with the groups of all rule files."""
    return {
        "apiVersion": _API,
        "kind": "PrometheusRule",
        "metadata": {"name": "groundwork"},
        "spec": {"groups": [group for file in files for group in file["groups"]]},
    }


def service_monitors(prometheus: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one ServiceMonitor for each scrape job of a Prometheus configuration, with its interval and limits."""
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
            # A rollout's analysis selects the new pods by this label. Pods without a rollout do not have it.
            "podTargetLabels": ["rollouts-pod-template-hash"],
            "sampleLimit": job["sample_limit"],
            "endpoints": [{"port": "metrics", "path": "/metrics", "interval": interval, "scrapeTimeout": "10s"}],
        },
    }
