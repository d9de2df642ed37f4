"""What `make run` finds: model servers on this machine, and OpenAI's variables."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from rag.settings import read_settings
from service.nearby_models import ModelServer, describe_models, find_model_servers
from service.settings import OpenAIGeneratorSettings, Settings
from tests.support.fakes.model_products import VLLM, LlamaCpp, LMStudio, Ollama, OpenAI, serving


async def found(*handlers) -> list[ModelServer]:
    async with AsyncExitStack() as stack:
        origins = [await stack.enter_async_context(serving(handler)) for handler in handlers]
        return await find_model_servers([int(origin.rpartition(":")[2]) for origin in origins], seconds=60)


@pytest.mark.parametrize(
    ("product", "name", "models"),
    [
        (Ollama(), "Ollama", ["llama3.1:latest", "qwen3:8b"]),
        (LlamaCpp(key="secret"), "llama.cpp", ["/models/qwen3-8b-q4_k_m.gguf"]),
        (VLLM(), "vLLM", ["Qwen/Qwen3-8B"]),
        (LMStudio(), "LM Studio", ["qwen/qwen3-8b", "openai/gpt-oss-20b"]),
        (OpenAI(key=None), "A server with OpenAI's API", ["gpt-4.1-mini", "gpt-5-mini"]),
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
async def test_each_product_is_found_with_the_models_that_can_write(product, name, models):
    [server] = await found(product)
    assert (server.product, list(server.models)) == (name, models)


def answering(response):
    async def handler(_: web.Request) -> web.StreamResponse:
        return response() if callable(response) else response

    return handler


def _listing(*models: object) -> web.Response:
    return web.json_response({"object": "list", "data": list(models)})


@pytest.mark.parametrize(
    "response",
    [
        lambda: web.Response(text="<html>"),
        lambda: web.Response(status=404),
        lambda: web.json_response({"error": "Unexpected endpoint"}),
        lambda: web.json_response([1]),
        lambda: web.json_response({"object": "list", "data": "text"}),
        lambda: web.Response(status=307, headers={"Location": "http://192.0.2.1/v1/models"}),
        lambda: _listing({"id": "generate", "owned_by": "groundwork"}),
        lambda: _listing(5, {"id": 7}, {"id": "a\nRAG_HOST=0.0.0.0"}, {"id": "$(reboot)"}, {"id": "\x1b[2J"}),
        lambda: _listing({"id": "bge-m3"}, {"id": "text-embedding-3-small"}),
    ],
    ids=["page", "404", "error", "list", "text", "redirect", "this service", "unsafe names", "embedders"],
)
async def test_anything_else_on_a_port_is_not_announced(response):
    assert await found(answering(response)) == []


async def test_silent_servers_are_not_waited_for():
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    async with serving(silent) as origin:
        assert await asyncio.wait_for(find_model_servers([int(origin.rpartition(":")[2])]), 60) == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert len(await found(Ollama())) == 1


def settings_from(text: str, folder, monkeypatch) -> OpenAIGeneratorSettings:
    """Return the generator that the announced lines configure."""
    lines = [line for line in text.splitlines() if line.strip().startswith("RAG_")]
    (folder / ".env").write_text("\n".join(lines))
    monkeypatch.chdir(folder)
    generator = read_settings(Settings).generator
    assert isinstance(generator, OpenAIGeneratorSettings)
    return generator


@pytest.mark.parametrize("model", ["llama3.1:latest", "/models/my model (q4).gguf", "Qwen/Qwen3-8B"])
def test_the_announced_lines_configure_the_server(model, tmp_path, monkeypatch):
    text = describe_models([ModelServer("Ollama", "http://127.0.0.1:11434/v1", [model, "other"])], {})
    generator = settings_from(text, tmp_path, monkeypatch)
    assert (str(generator.url), generator.model) == ("http://127.0.0.1:11434/v1", model)


@pytest.mark.parametrize(
    "variables",
    [
        {"OPENAI_API_KEY": "sk-live-1234abcd", "OPENAI_BASE_URL": "https://example.org/word/v1"},
        {"OPENAI_BASE_URL": "https://me:word@example.org/v1"},
    ],
    ids=["key", "password in the address"],
)
def test_the_announced_lines_use_the_variables_of_the_environment_and_never_show_them(variables, tmp_path, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    text = describe_models([], variables)
    assert f"{' and '.join(variables)} {'are' if len(variables) > 1 else 'is'} set, but not used." in text
    assert not [secret for secret in ("sk-live", "word", "example.org") if secret in text]
    generator = settings_from(text, tmp_path, monkeypatch)
    key = generator.api_key and generator.api_key.get_secret_value()
    assert str(generator.url) == variables["OPENAI_BASE_URL"]
    assert key == variables.get("OPENAI_API_KEY")


def test_a_key_alone_is_for_openai():
    text = describe_models([], {"OPENAI_API_KEY": "sk-live-1234abcd", "OPENAI_BASE_URL": ""})
    assert "    RAG_GENERATOR__URL=https://api.openai.com/v1\n" in text
    assert "OPENAI_API_KEY is set" in text


def test_the_text_is_empty_if_no_model_was_found():
    assert describe_models([], {"HOME": "/root", "OPENAI_API_KEY": ""}) == ""


def test_long_lists_are_cut_and_ollama_without_a_model_says_how_to_get_one():
    many = ModelServer("vLLM", "http://127.0.0.1:8001/v1", [f"m{n}" for n in range(9)])
    none = ModelServer("Ollama", "http://127.0.0.1:11434/v1", [])
    text = describe_models([many, none], {})
    assert "vLLM runs on http://127.0.0.1:8001 with m0, m1, m2, m3 and 5 more." in text
    assert "Ollama runs on http://127.0.0.1:11434, but has no model that writes. Get one: ollama pull" in text
