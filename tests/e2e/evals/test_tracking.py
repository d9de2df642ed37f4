"""Evaluations are recorded as runs in a real MLflow server."""

import pytest
from pydantic import HttpUrl

from evals.tracking import params_of, track
from rag.errors import Unavailable
from rag.http import open_session
from rag.settings import TimeoutSettings
from service.prompting.folder import PACKAGED, FolderPrompts
from service.prompting.mlflow_client import MlflowClient
from service.settings import MlflowSettings, Settings
from tests.support.servers.mlflow_server import MLFLOW, mlflow_server


@pytest.mark.skipif(not MLFLOW.exists(), reason="MLflow is not installed here: make setup-mlflow")
async def test_an_evaluation_is_a_run_with_its_prompt_and_its_metrics(tmp_path):
    with mlflow_server(tmp_path) as url:
        settings = Settings(mlflow=MlflowSettings(uri=HttpUrl(url), experiment="nightly"))
        prompt = (await FolderPrompts(PACKAGED).load("answer"))["v1"].version
        run_ids = [
            await track(
                settings,
                "answers",
                params=params_of(settings, prompt),
                metrics={"groundedness": value, "kappa (half)": 0.1},
            )
            for value in (0.5, 0.75)
        ]
        async with open_session(TimeoutSettings(connect=60, read=120)) as session:
            mlflow = MlflowClient(session, settings.mlflow)
            run = (await mlflow.get("runs/get", run_id=run_ids[1]))["run"]
            experiment = (await mlflow.get("experiments/get-by-name", experiment_name="nightly"))["experiment"]
    assert run["info"]["experiment_id"] == experiment["experiment_id"]
    assert run["info"]["status"] == "FINISHED"
    params = {param["key"]: param["value"] for param in run["data"]["params"]}
    assert params["prompt_hash"] == prompt.hash
    assert {"prompt_name", "prompt_version", "model", "embedder"} <= params.keys()
    metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert metrics == {"groundedness": 0.75, "kappa -half-": 0.1}  # MLflow allows no parentheses in names.


async def test_without_an_mlflow_server_an_evaluation_is_not_recorded():
    assert await track(Settings(), "answers", params={}, metrics={"f1": 1.0}) is None


async def test_an_unreachable_mlflow_server_is_named_in_the_error():
    settings = Settings(mlflow=MlflowSettings(uri=HttpUrl("http://127.0.0.1:9")))
    with pytest.raises(Unavailable, match="MLflow"):
        await track(settings, "answers", params={}, metrics={})
