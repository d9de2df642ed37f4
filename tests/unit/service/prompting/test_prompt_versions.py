"""The prompt version in the request, the model call, the answer, the metrics and the log."""

import json
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import REGISTRY
from pydantic import HttpUrl
from structlog.testing import capture_logs

from service.app import create_app
from service.resources import open_resources
from service.settings import OpenAIGeneratorSettings, PromptSettings, Settings
from tests.support.fakes.servers import ModelServer, answering, serve
from tests.support.passages import PATIENT, QUESTION


@asynccontextmanager
async def client(data_dir, handler, **prompt):
    async with serve("/v1/chat/completions", handler) as url:
        generator = OpenAIGeneratorSettings(kind="openai", url=HttpUrl(f"{url}/v1"), model="told")
        settings = Settings(data_dir=data_dir, generator=generator, prompt=PromptSettings(**prompt), http=PATIENT)
        async with open_resources(settings) as resources:
            app = create_app(resources)
            async with app.router.lifespan_context(app) as state:
                transport = httpx.ASGITransport(app=_with_state(app, state), raise_app_exceptions=False)
                async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                    yield http


def _with_state(app, state):
    async def run(scope, receive, send):
        await app(scope | {"state": dict(state)}, receive, send)

    return run


async def ask(http, question=QUESTION, *, stream=False, **headers):
    body = {"question": question, "stream": stream}
    return await http.post(
        "/v1/answers", json=body, headers={name.replace("_", "-"): headers[name] for name in headers}
    )


@pytest.mark.slow
async def test_the_header_selects_the_version_and_the_answer_names_it(filled):
    model = ModelServer(["In 1932 [1]."])
    async with client(filled, model) as http:
        configured = (await ask(http)).json()["prompt"]
        chosen = (await ask(http, X_Prompt_Version="v2")).json()["prompt"]
    assert (configured["version"], chosen["version"]) == ("v1", "v2")
    assert configured["hash"] != chosen["hash"]
    first, second = [request["messages"][0]["content"] for request in model.requests]
    assert "Example:" not in first
    assert "Example:" in second


@pytest.mark.slow
async def test_the_done_event_names_the_prompt(filled):
    async with client(filled, ModelServer(["In 1932 [1]."])) as http:
        text = (await ask(http, stream=True)).text
    [done] = [block for block in text.split("\n\n") if block.startswith("event: done")]
    prompt = json.loads(done.split("data: ")[1])["prompt"]
    assert set(prompt) == {"name", "version", "hash"}


@pytest.mark.slow
async def test_an_unknown_version_is_rejected_with_the_header_and_the_known_versions(filled):
    async with client(filled, ModelServer(["never asked"])) as http:
        response = await ask(http, X_Prompt_Version="v9")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert "X-Prompt-Version" in response.json()["detail"]
    assert "v1, v2" in response.json()["detail"]


@pytest.mark.slow
async def test_all_questions_with_one_key_get_the_same_version(filled):
    questions = ["When was the bridge opened?", "How many lanes has the bridge?", "How many tracks has the bridge?"]
    async with client(filled, ModelServer(["In 1932 [1]."]), alternative="v2", percent=50) as http:
        by_key = [
            {(await ask(http, question, X_Prompt_Key=f"c{key}")).json()["prompt"]["version"] for question in questions}
            for key in range(12)
        ]
    assert all(len(versions) == 1 for versions in by_key)
    assert set.union(*by_key) == {"v1", "v2"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        (ModelServer(["It was 1932 [1]."]), "cited"),
        (ModelServer(["It was."]), "uncited"),
        (answering(500, ""), "failed"),
    ],
)
async def test_answers_are_counted_by_version_and_outcome(filled, handler, outcome):
    labels = {"name": "answer", "version": "v2", "outcome": outcome}
    before = REGISTRY.get_sample_value("rag_prompt_answers_total", labels) or 0
    async with client(filled, handler) as http:
        await ask(http, X_Prompt_Version="v2")
    assert REGISTRY.get_sample_value("rag_prompt_answers_total", labels) == before + 1


@pytest.mark.slow
async def test_the_log_names_the_prompt_and_contains_no_content(filled):
    async with client(filled, ModelServer(["It was 1932 [1]."])) as http:
        with capture_logs() as logs:
            answer = (await ask(http)).json()
    [entry] = [entry for entry in logs if entry["event"] == "question_answered"]
    assert entry["prompt"] == answer["prompt"]
    assert entry["answer"] == answer["id"]
    assert "1932" not in str(entry)
