"""The generator on stand-ins that enforce the rules of each product, with right and with wrong settings."""

import json
from contextlib import asynccontextmanager
from string import Template

import pytest
from pydantic import HttpUrl

from rag.errors import AccessRefused, GroundworkError, RequestRejected
from rag.http import open_session
from rag.settings import TimeoutSettings
from service.generation.base import Prompt
from service.generation.factory import build_generator, open_endpoint
from service.judging.factory import build_judge
from service.prompting.base import PromptTemplate, PromptVersion
from service.settings import AnsweringSettings, JudgeSettings, OpenAIGeneratorSettings
from tests.support.fakes.model_products import (
    KEY,
    VLLM,
    AzureOpenAI,
    LlamaCpp,
    LMStudio,
    Mistral,
    Ollama,
    OpenAI,
    serving,
)
from tests.support.fakes.model_servers import ANSWER

_DATED = "/openai/deployments/our-gpt-4.1?api-version=2024-10-21"


@asynccontextmanager
async def generator_on(product, path: str, model: str, key: str | None = None):
    async with serving(product) as origin, open_session(TimeoutSettings(connect=60, read=60)) as session:
        settings = OpenAIGeneratorSettings(kind="openai", url=HttpUrl(f"{origin}{path}"), model=model, api_key=key)
        async with open_endpoint(settings) as endpoint:
            yield build_generator(endpoint, AnsweringSettings(), session)


async def ask(generator) -> str:
    prompt = Prompt(system="Be brief.", user="When did the bridge open?")
    return "".join([piece async for piece in generator.generate(prompt) if isinstance(piece, str)])


async def failure(product, path: str, model: str, key: str | None = None) -> GroundworkError:
    async with generator_on(product, path, model, key) as generator:
        with pytest.raises(GroundworkError) as raised:
            await ask(generator)
    assert KEY not in raised.value.describe()
    return raised.value


@pytest.mark.parametrize(
    ("product", "path", "model", "requests"),
    [
        (Ollama(), "/v1", "llama3.1", 1),
        (Ollama(), "/v1/", "qwen3:8b", 1),
        (Ollama(), "/v1/chat/completions", "qwen3:8b", 1),
        (VLLM(key=KEY), "/v1", "Qwen/Qwen3-8B", 1),
        (LlamaCpp(key=KEY), "/v1", "anything", 1),
        (LMStudio(), "/v1", "qwen/qwen3-8b", 1),
        (OpenAI(), "/v1", "gpt-4.1-mini", 1),
        (OpenAI(), "/v1", "gpt-5-mini", 3),  # Without its own name of the limit, and with a fixed temperature.
        (Mistral(), "/v1", "mistral-small-latest", 2),  # It does not know stream_options.
        (AzureOpenAI(), "/openai/v1", "our-gpt-5-mini", 3),
        (AzureOpenAI(), "/openai/v1/", "our-gpt-4.1", 1),
        (AzureOpenAI(), _DATED, "gpt-4.1", 1),
        (AzureOpenAI(), _DATED.replace("?", "/chat/completions?"), "gpt-4.1", 1),
        (AzureOpenAI(), _DATED.replace("2024-10-21", "2024-02-01"), "gpt-4.1", 2),
    ],
    ids=lambda it: type(it).__name__ if hasattr(it, "owner") else None,
)
async def test_each_product_answers(product, path, model, requests):
    async with generator_on(product, path, model, KEY) as generator:
        assert await ask(generator) == ANSWER
        assert len(product.requests) == requests
        assert await ask(generator) == ANSWER
        assert len(product.requests) == requests + 1, "What works is remembered."


@pytest.mark.parametrize(
    ("product", "path", "model"),
    [
        (VLLM(key=KEY), "/v1", "Qwen/Qwen3-8B"),
        (LlamaCpp(key=KEY), "/v1", "anything"),
        (OpenAI(), "/v1", "gpt-4.1-mini"),
        (Mistral(), "/v1", "mistral-small-latest"),
        (AzureOpenAI(), "/openai/v1", "our-gpt-4.1"),
        (AzureOpenAI(), _DATED, "gpt-4.1"),
    ],
    ids=lambda it: type(it).__name__ if hasattr(it, "owner") else None,
)
@pytest.mark.parametrize("key", [None, "another-key"])
async def test_a_wrong_key_is_refused_and_the_setting_is_named(product, path, model, key):
    error = await failure(product, path, model, key)
    assert isinstance(error, AccessRefused)
    assert "refused the API key (status 401)" in str(error)
    assert "RAG_GENERATOR__API_KEY" in str(error)
    assert "another-key" not in error.describe()


@pytest.mark.parametrize(
    ("product", "model", "sentence"),
    [
        (
            Ollama(),
            "lama3.1",
            "llama3.1:latest and others. An operator must set RAG_GENERATOR__MODEL, or run `ollama pull lama3.1`.",
        ),
        (
            Ollama(models=()),
            "llama3.1",
            "the model llama3.1. An operator must set RAG_GENERATOR__MODEL, or run `ollama",
        ),
        (VLLM(), "qwen3", "the model qwen3. It has Qwen/Qwen3-8B. An operator must set RAG_GENERATOR__MODEL."),
        (LMStudio(), "qwen3-8b", "It has qwen/qwen3-8b and others."),
        (OpenAI(key=None), "gpt-4.1-mimi", "It has gpt-4.1-mini, gpt-5-mini."),
        (Mistral(key=None), "mistral-smal", "It has mistral-small-latest, mistral-large-latest."),
        (
            LMStudio(is_loaded=False),
            "qwen/qwen3-8b",
            "has not loaded a model. An operator must load qwen/qwen3-8b there.",
        ),
    ],
    ids=lambda it: type(it).__name__ if hasattr(it, "owner") else None,
)
async def test_an_unknown_model_gets_a_sentence_with_the_nearest_names(product, model, sentence):
    error = await failure(product, "/v1", model)
    assert sentence in str(error)
    assert error.fault == "configuration"
    assert error.upstream, "The server's own words are for the log."


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "The model `m` does not exist or you do not have access to it."),
        (403, "Project `proj_1` does not have access to model `m`"),
        (404, "Unable to access model m. Please visit our list of models."),
        (404, "models/m is not found for API version v1main, or is not supported for generateContent."),
        (400, "Model Not Exist"),
        (400, "m is not a valid model ID"),
        (400, "/chat/completions: Invalid model name passed in model=m. Call `/v1/models` to view available models."),
        (404, "model 'm' not found"),
        (404, "model: m"),
    ],
)
async def test_other_products_say_the_same_in_other_words(status, said):
    class Other(VLLM):
        def refuse(self, _):
            kind = "not_found_error" if status == 404 else "invalid_request_error"
            return status, {"error": {"type": kind, "message": said}}

    error = await failure(Other(), "/v1", "m")
    assert "does not have the model m. It has Qwen/Qwen3-8B. An operator must set RAG_GENERATOR__MODEL." in str(error)


@pytest.mark.parametrize(
    ("path", "model"), [("/openai/v1", "gpt-4o"), (_DATED.replace("our-gpt-4.1", "gpt-4o"), "gpt-4o")]
)
async def test_azure_wants_the_name_of_a_deployment(path, model):
    error = await failure(AzureOpenAI(), path, model, KEY)
    assert "the name of a deployment, not of a model, in RAG_GENERATOR__MODEL, or in RAG_GENERATOR__URL" in str(error)


@pytest.mark.parametrize(
    "path", [_DATED.partition("?")[0], _DATED.replace("2024-10-21", "2031-01-01"), "/v1", "/openai"]
)
async def test_azure_with_a_wrong_address_or_version(path):
    error = await failure(AzureOpenAI(), path, "our-gpt-4.1", KEY)
    assert "RAG_GENERATOR__URL" in str(error)


@pytest.mark.parametrize(
    "product",
    [Ollama(), VLLM(), LlamaCpp(), LMStudio(), OpenAI(key=None), Mistral(key=None)],
    ids=lambda it: type(it).__name__,
)
@pytest.mark.parametrize("path", ["", "/"])
async def test_the_error_names_a_missing_v1(product, path):
    error = await failure(product, path, product.models[0])
    assert str(error).endswith("An operator must add /v1 to RAG_GENERATOR__URL.")


@pytest.mark.parametrize(
    ("product", "model", "max_tokens", "extra", "said"),
    [
        (VLLM(), "Qwen/Qwen3-8B", 9000, {}, "max_tokens is too large: 9000."),
        (OpenAI(key=None), "gpt-4.1-mini", 9, {"top_k": 5}, "Unknown parameter: 'top_k'."),
    ],
    ids=["a limit beyond the context", "an unknown field of the operator"],
)
async def test_a_rejected_request_keeps_its_reason_for_the_log(product, model, max_tokens, extra, said):
    async with serving(product) as origin, open_session(TimeoutSettings(connect=60, read=60)) as session:
        settings = OpenAIGeneratorSettings(
            kind="openai", url=HttpUrl(f"{origin}/v1"), model=model, extra=json.dumps(extra)
        )
        async with open_endpoint(settings) as endpoint:
            generator = build_generator(endpoint, AnsweringSettings(max_tokens=max_tokens), session)
            with pytest.raises(RequestRejected) as raised:
                await ask(generator)
    assert said in raised.value.upstream
    assert said not in str(raised.value)
    assert len(product.requests) == 1


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"message": "The response was filtered due to …", "code": "content_filter"}, "Rephrase the question."),
        ({"message": "Output data may contain …", "code": "DataInspectionFailed"}, "Rephrase the question."),
        ({"message": "This model's maximum context length is 4096 tokens."}, "RAG_RETRIEVAL__EXPAND_TO_TOKENS"),
        ({"message": "the request exceeds the available context size"}, "RAG_RETRIEVAL__EXPAND_TO_TOKENS"),
        ({"message": "`inputs` tokens + `max_new_tokens` must be <= 4096"}, "RAG_RETRIEVAL__EXPAND_TO_TOKENS"),
    ],
)
async def test_a_rejected_question_gets_the_sentence_that_helps(said, sentence):
    class Strict(VLLM):
        def refuse(self, _):
            return 400, {"error": said}

    error = await failure(Strict(), "/v1", "Qwen/Qwen3-8B")
    assert sentence in str(error)
    assert said["message"][:9] in error.upstream


@pytest.mark.parametrize(
    ("model", "opens_reasoning", "expects", "quirks"),
    [
        ("deepseek-r1:8b", None, True, set()),
        ("deepseek-r1:8b", False, False, set()),
        ("our-model", None, False, set()),
        ("our-model", True, False, {"unopened_reasoning"}),
    ],
)
async def test_a_setting_overrides_what_the_name_of_a_model_tells(model, opens_reasoning, expects, quirks):
    url = HttpUrl("http://127.0.0.1:9/v1")
    settings = OpenAIGeneratorSettings(kind="openai", url=url, model=model, opens_reasoning=opens_reasoning)
    async with open_endpoint(settings) as endpoint:
        assert (endpoint.expects_reasoning, endpoint.quirks) == (expects, quirks)


async def test_a_judge_names_its_own_settings():
    rubric = PromptTemplate(
        version=PromptVersion(name="r", version="1", hash=""),
        purpose="",
        system=Template("Judge."),
        user=Template("$answer"),
        verdicts={"yes": 1.0},
    )
    async with serving(Ollama()) as origin, open_session(TimeoutSettings(connect=60, read=60)) as session:
        judge = build_judge(JudgeSettings(url=HttpUrl(f"{origin}/v1"), model="lama3.1"), session)
        with pytest.raises(AccessRefused, match="An operator must set RAG_JUDGE__MODEL"):
            await judge.judge(rubric, {"answer": "Yes."})
