"""Records evaluations as runs in MLflow, if `RAG_MLFLOW__URI` is set."""

import re
import time
from collections.abc import Mapping
from typing import Any

from rag.errors import NotFound
from rag.http import open_session
from service.prompting.base import PromptVersion
from service.prompting.mlflow_client import MlflowClient
from service.settings import Settings

# MLflow refuses other characters in the names of parameters and metrics.
_NOT_IN_A_NAME = re.compile(r"[^\w./: -]")


async def track(
    settings: Settings, name: str, *, params: Mapping[str, str], metrics: Mapping[str, float]
) -> str | None:
    """Record a run and return its id. Return None if MLflow is not configured. Raise `Unavailable` if it is down."""
    if settings.mlflow.uri is None:
        return None
    async with open_session(settings.http) as session:
        mlflow = MlflowClient(session, settings.mlflow)
        experiment = await _experiment(mlflow, settings.mlflow.experiment)
        now = _milliseconds()
        started = {"experiment_id": experiment, "run_name": name, "start_time": now}
        created = await mlflow.post("runs/create", started)
        run_id: str = created["run"]["info"]["run_id"]
        values = [{"key": _name(key), "value": value, "timestamp": now, "step": 0} for key, value in metrics.items()]
        batch = {"run_id": run_id, "params": _pairs(params), "metrics": values}
        await mlflow.post("runs/log-batch", batch)
        await mlflow.post("runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": _milliseconds()})
        return run_id


def params_of(settings: Settings, prompt: PromptVersion | None = None) -> dict[str, str]:
    """Return what a result depends on: the prompt and the configured parts."""
    params = {
        "model": settings.generator.model,
        "mode": settings.answering.mode,
        "embedder": settings.embedder.model,
        "store": settings.store.kind,
        "limit": str(settings.retrieval.limit),
    }
    if prompt:
        params |= {"prompt_name": prompt.name, "prompt_version": prompt.version, "prompt_hash": prompt.hash}
    return params


async def _experiment(mlflow: MlflowClient, name: str) -> str:
    try:
        found = await mlflow.get("experiments/get-by-name", experiment_name=name)
        return str(found["experiment"]["experiment_id"])
    except NotFound:
        created = await mlflow.post("experiments/create", {"name": name})
        return str(created["experiment_id"])


def _pairs(values: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"key": _name(key), "value": str(value)} for key, value in values.items()]


def _name(key: str) -> str:
    return _NOT_IN_A_NAME.sub("-", key)


def _milliseconds() -> int:
    return int(time.time() * 1000)
