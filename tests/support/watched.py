"""A service with its worker, and a real Prometheus that scrapes them with the shipped configuration, but faster."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.support.programs import Service, service
from tests.support.servers.prometheus_server import PrometheusServer, prometheus_server
from tests.support.shipped.expressions import DASHBOARDS


@contextmanager
def watched(
    folder: Path, targets: Mapping[str, str], rules: Mapping[str, str], *, seconds: int = 1
) -> Iterator[PrometheusServer]:
    """Run a Prometheus that scrapes and evaluates every `seconds`.

    `targets` maps a job to host:port, and `rules` a file name to its text. To add targets later, write `JOB.json` into
    the folder, which Prometheus's file discovery reads.
    """
    (folder / "rules").mkdir(parents=True)
    for name, text in rules.items():
        (folder / "rules" / name).write_text(_without_intervals(text))
    with prometheus_server(folder, yaml.safe_dump(_faster_config(folder, targets, seconds))) as server:
        yield server


@contextmanager
def service_with_worker(data_dir: Path, worker_port: int, model_url: str, **settings: str) -> Iterator[Service]:
    """Run the service with a worker as its child process and the model at `model_url`."""
    with service(data_dir, RAG_WORKER_PORT=str(worker_port), **generator_settings(model_url), **settings) as running:
        yield running


def generator_settings(model_url: str) -> dict[str, str]:
    """Return the settings for a model at `model_url`."""
    return {
        "RAG_GENERATOR__KIND": "openai",
        "RAG_GENERATOR__URL": f"{model_url}/v1",
        "RAG_GENERATOR__MODEL": "stand-in",
    }


def _without_intervals(rules: str) -> str:
    """Return the rules without the groups' own intervals, which are too long for a test."""
    groups = yaml.safe_load(rules)["groups"]
    return yaml.safe_dump({"groups": [{"name": group["name"], "rules": group["rules"]} for group in groups]})


def _faster_config(folder: Path, targets: Mapping[str, str], seconds: int) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((DASHBOARDS / "prometheus.yml").read_text())
    config["global"] = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), f"{seconds}s")
    del config["alerting"]
    for scrape in config["scrape_configs"]:
        scrape["static_configs"] = [{"targets": [targets[scrape["job_name"]]]}]
        scrape["file_sd_configs"] = [{"files": [str(folder / f"{scrape['job_name']}.json")]}]
    return config
