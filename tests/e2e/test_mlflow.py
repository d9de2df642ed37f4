"""Prompts and runs in a real MLflow server, and what is said when there is none."""

import subprocess
from contextlib import asynccontextmanager

import pytest
from pydantic import HttpUrl
from structlog.testing import capture_logs

from evals.tracking import params_of, track
from rag.errors import Misconfigured, Unavailable
from rag.http import open_session
from rag.settings import TimeoutSettings
from service.prompting.choosing import AnswerPrompts
from service.prompting.folder import PACKAGED, FolderPrompts
from service.prompting.mlflow import MlflowPrompts
from service.prompting.mlflow_client import Mlflow
from service.resources import open_resources
from service.settings import MlflowSettings, OpenAIGeneratorSettings, PromptSettings, Settings
from tests.support.mlflow_server import MLFLOW, mlflow_server

needs_mlflow = pytest.mark.skipif(not MLFLOW.exists(), reason="MLflow is not installed here: make setup-mlflow")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as started:
        yield started


@asynccontextmanager
async def mlflow_at(url: str):
    async with open_session(TimeoutSettings(connect=60, read=120)) as session:
        yield Mlflow(session, MlflowSettings(uri=HttpUrl(url)))


def client(url: str, code: str) -> str:
    """What MLflow's own client says, in its own environment."""
    program = f"import mlflow; mlflow.set_tracking_uri({url!r}); {code}"
    python = MLFLOW.with_name("python")
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True, timeout=180).stdout


@needs_mlflow
async def test_a_prompt_comes_back_from_the_registry_as_the_same_text(url):
    packaged = (await FolderPrompts(PACKAGED).load("answer"))["v2"]
    async with mlflow_at(url) as mlflow:
        prompts = MlflowPrompts(mlflow)
        number = await prompts.register(packaged)
        assert await prompts.register(packaged) == number  # The same text is not a new version.
        found = (await prompts.load("answer"))[number]
    assert found.version.hash == packaged.version.hash
    filled = {"passages": "{{question}}", "question": "Why?"}
    assert found.fill(**filled) == packaged.fill(**filled)


@needs_mlflow
async def test_mlflows_own_client_reads_what_was_registered_and_we_read_what_it_registers(url):
    packaged = (await FolderPrompts(PACKAGED).load("answer"))["v1"]
    async with mlflow_at(url) as mlflow:
        prompts = MlflowPrompts(mlflow)
        number = await prompts.register(packaged)
        said = client(url, f"print(sorted(mlflow.genai.load_prompt('prompts:/answer/{number}').variables))")
        assert said.strip() == "['passages', 'question']"
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "{{ passages }} {{ question }}"},
        ]
        theirs = client(url, f"print(mlflow.genai.register_prompt('answer', {messages!r}).version)").split()[-1]
        broken = client(url, "print(mlflow.genai.register_prompt('answer', '{{colour}}').version)").split()[-1]
        with capture_logs() as logs:
            versions = await prompts.load("answer")
    assert versions[theirs].fill(passages="P", question="Q").user == "P Q"
    assert broken not in versions
    assert [entry["version"] for entry in logs if entry["event"] == "prompt_unusable"] == [broken]
    assert AnswerPrompts(versions, PromptSettings(version=theirs)).default.version.version == theirs


@needs_mlflow
async def test_the_service_takes_its_prompt_from_the_registry(url, data_dir):
    packaged = (await FolderPrompts(PACKAGED).load("answer"))["v2"]
    async with mlflow_at(url) as mlflow:
        number = await MlflowPrompts(mlflow).register(packaged)
    generator = OpenAIGeneratorSettings(kind="openai", url=HttpUrl("http://127.0.0.1:9/v1"), model="never-asked")
    settings = Settings(
        data_dir=data_dir,
        generator=generator,
        prompt=PromptSettings(registry="mlflow", version=number),
        mlflow=MlflowSettings(uri=HttpUrl(url)),
    )
    async with open_resources(settings) as resources:
        assert resources.prompts.default.version.hash == packaged.version.hash
        assert resources.prompts.default.version.version == number


@needs_mlflow
async def test_an_evaluation_is_a_run_with_its_prompt_and_its_measures(url):
    settings = Settings(mlflow=MlflowSettings(uri=HttpUrl(url), experiment="nightly"))
    prompt = (await FolderPrompts(PACKAGED).load("answer"))["v1"].version
    runs = [
        await track(
            settings,
            "answers",
            params=params_of(settings, prompt),
            metrics={"groundedness": value, "kappa (half)": 0.1},
        )
        for value in (0.5, 0.75)
    ]
    async with mlflow_at(url) as mlflow:
        run = (await mlflow.get("runs/get", run_id=runs[1]))["run"]
        experiment = (await mlflow.get("experiments/get-by-name", experiment_name="nightly"))["experiment"]
    assert run["info"]["experiment_id"] == experiment["experiment_id"]
    assert run["info"]["status"] == "FINISHED"
    params = {param["key"]: param["value"] for param in run["data"]["params"]}
    assert params["prompt_hash"] == prompt.hash
    assert {"prompt_name", "prompt_version", "model", "embedder"} <= params.keys()
    metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert metrics == {"groundedness": 0.75, "kappa -half-": 0.1}  # MLflow takes no brackets in a name.


async def test_without_an_mlflow_nothing_is_kept_and_nothing_fails():
    assert await track(Settings(), "answers", params={}, metrics={"f1": 1.0}) is None


async def test_an_mlflow_that_is_down_is_named():
    settings = Settings(mlflow=MlflowSettings(uri=HttpUrl("http://127.0.0.1:9")))
    with pytest.raises(Unavailable, match="MLflow"):
        await track(settings, "answers", params={}, metrics={})


@needs_mlflow
async def test_a_registry_without_the_prompt_says_how_to_fill_it(url):
    async with mlflow_at(url) as mlflow:
        with pytest.raises(Misconfigured, match="evals register rewrite/v1"):
            await MlflowPrompts(mlflow).load("rewrite")


async def test_mlflow_as_registry_needs_an_address():
    async with open_session(TimeoutSettings()) as session:
        with pytest.raises(Misconfigured, match="RAG_MLFLOW__URI"):
            Mlflow(session, MlflowSettings())
