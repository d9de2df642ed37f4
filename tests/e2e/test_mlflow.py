"""Prompts in the registry of a real MLflow server."""

import subprocess
from contextlib import asynccontextmanager

import pytest
from pydantic import HttpUrl
from structlog.testing import capture_logs

from rag.errors import Misconfigured
from rag.http import open_session
from rag.settings import TimeoutSettings
from service.prompting.choosing import AnswerPrompts
from service.prompting.folder import PACKAGED, FolderPrompts
from service.prompting.mlflow import MlflowPrompts
from service.prompting.mlflow_client import MlflowClient
from service.resources import open_resources
from service.settings import MlflowSettings, OpenAIGeneratorSettings, PromptSettings, Settings
from tests.support.servers.mlflow_server import MLFLOW, mlflow_server

needs_mlflow = pytest.mark.skipif(not MLFLOW.exists(), reason="MLflow is not installed here: make setup-mlflow")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as started:
        yield started


@asynccontextmanager
async def mlflow_at(url: str):
    async with open_session(TimeoutSettings(connect=60, read=120)) as session:
        yield MlflowClient(session, MlflowSettings(uri=HttpUrl(url)))


def client(url: str, code: str) -> str:
    """Run code with MLflow's own client, in its own environment. Return what it prints."""
    program = f"import mlflow; mlflow.set_tracking_uri({url!r}); {code}"
    python = MLFLOW.with_name("python")
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True, timeout=180).stdout


@needs_mlflow
async def test_a_registered_prompt_is_loaded_with_the_same_text(url):
    packaged = (await FolderPrompts(PACKAGED).load("answer"))["v2"]
    async with mlflow_at(url) as mlflow:
        prompts = MlflowPrompts(mlflow)
        number = await prompts.register(packaged)
        assert await prompts.register(packaged) == number  # Unchanged text creates no version.
        loaded = (await prompts.load("answer"))[number]
    assert loaded.version.hash == packaged.version.hash
    filled = {"passages": "{{question}}", "question": "Why?"}
    assert loaded.fill(**filled) == packaged.fill(**filled)


@needs_mlflow
async def test_prompts_are_exchanged_with_mlflows_own_client_in_both_directions(url):
    packaged = (await FolderPrompts(PACKAGED).load("answer"))["v1"]
    async with mlflow_at(url) as mlflow:
        prompts = MlflowPrompts(mlflow)
        number = await prompts.register(packaged)
        variables = client(url, f"print(sorted(mlflow.genai.load_prompt('prompts:/answer/{number}').variables))")
        assert variables.strip() == "['passages', 'question']"
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "{{ passages }} {{ question }}"},
        ]
        foreign = client(url, f"print(mlflow.genai.register_prompt('answer', {messages!r}).version)").split()[-1]
        broken = client(url, "print(mlflow.genai.register_prompt('answer', '{{colour}}').version)").split()[-1]
        with capture_logs() as logs:
            versions = await prompts.load("answer")
    assert versions[foreign].fill(passages="P", question="Q").user == "P Q"
    assert broken not in versions
    assert [entry["version"] for entry in logs if entry["event"] == "prompt_unusable"] == [broken]
    assert AnswerPrompts(versions, PromptSettings(version=foreign)).default.version.version == foreign


@needs_mlflow
async def test_the_service_loads_its_prompt_from_the_registry(url, data_dir):
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
async def test_a_missing_prompt_is_reported_with_the_command_that_registers_it(url):
    async with mlflow_at(url) as mlflow:
        with pytest.raises(Misconfigured, match="evals register rewrite/v1"):
            await MlflowPrompts(mlflow).load("rewrite")


async def test_the_mlflow_registry_needs_a_uri():
    async with open_session(TimeoutSettings()) as session:
        with pytest.raises(Misconfigured, match="RAG_MLFLOW__URI"):
            MlflowClient(session, MlflowSettings())
