"""An installation and a real Prometheus that watches it with the shipped configuration, only quicker."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.support.expressions import DASHBOARDS
from tests.support.programs import Service, service
from tests.support.prometheus_server import PrometheusServer, prometheus_server


@contextmanager
def watched(
    folder: Path, targets: Mapping[str, str], rules: Mapping[str, str], *, seconds: int = 1
) -> Iterator[PrometheusServer]:
    """`targets`: job to host:port. `rules`: file name to text. Scraped and evaluated every so many seconds.

    More targets of a job come and go with `JOB.json` in the folder, as Prometheus's file discovery reads it.
    """
    (folder / "rules").mkdir(parents=True)
    for name, text in rules.items():
        (folder / "rules" / name).write_text(_evaluated_each_time(text))
    with prometheus_server(folder, yaml.safe_dump(_quicker(folder, targets, seconds))) as server:
        yield server


@contextmanager
def installation(data_dir: Path, worker_port: int, model_url: str, **settings: str) -> Iterator[Service]:
    """The service with a worker as its child, and a model at that URL."""
    with service(data_dir, RAG_WORKER_PORT=str(worker_port), **writes_with(model_url), **settings) as running:
        yield running


def writes_with(model_url: str) -> dict[str, str]:
    """Settings of a program whose answers a model at that URL writes."""
    return {
        "RAG_GENERATOR__KIND": "openai",
        "RAG_GENERATOR__URL": f"{model_url}/v1",
        "RAG_GENERATOR__MODEL": "stand-in",
    }


def _evaluated_each_time(rules: str) -> str:
    """A group with an interval of its own would not be evaluated within a test."""
    groups = yaml.safe_load(rules)["groups"]
    return yaml.safe_dump({"groups": [{"name": group["name"], "rules": group["rules"]} for group in groups]})


def _quicker(folder: Path, targets: Mapping[str, str], seconds: int) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((DASHBOARDS / "prometheus.yml").read_text())
    config["global"] = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), f"{seconds}s")
    del config["alerting"]
    for scrape in config["scrape_configs"]:
        scrape["static_configs"] = [{"targets": [targets[scrape["job_name"]]]}]
        scrape["file_sd_configs"] = [{"files": [str(folder / f"{scrape['job_name']}.json")]}]
    return config
