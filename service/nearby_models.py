"""Language models that could write the answers: servers on usual ports, and OpenAI's variables (ADR 70).

Nothing is sent beyond loopback, and no key is read. A found model is used only if the operator configures it.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from rag.errors import GroundworkError
from rag.http import open_session, read_json
from rag.settings import TimeoutSettings
from rag.upstream import Upstream

USUAL_PORTS = (11434, 8080, 8000, 8001, 1234)
"""The default ports of Ollama, llama.cpp, vLLM, vLLM beside this service, and LM Studio."""

_OLLAMA_PORT = 11434
_OPENAI_URL = "https://api.openai.com/v1"
_EXAMPLE_MODEL = "gpt-4.1-mini"
# A server on this machine lists its models in milliseconds. The start of the service waits for the slowest one.
_SECONDS = 0.4
_SHOWN_MODELS = 4

_PRODUCTS = {"library": "Ollama", "llamacpp": "llama.cpp", "vllm": "vLLM", "organization_owner": "LM Studio"}
"""The product by the owner of its models."""
_OWN_MODELS = "groundwork"
# A name is printed on a terminal and copied into `.env`, where quotes, dollars and line feeds have a meaning.
_NAME = re.compile(r"[\w.:/@+][\w.:/@+ ()-]{0,199}")
_CANNOT_WRITE = re.compile(r"embed|minilm|\bbge-|\be5-|rerank|whisper", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A server with OpenAI's API on this machine."""

    product: str
    url: str
    """Base URL, as RAG_GENERATOR__URL expects it."""
    models: Sequence[str]
    """Names of models that can write answers."""


async def find_model_servers(ports: Iterable[int], *, seconds: float = _SECONDS) -> list[ModelServer]:
    """Ask each port of 127.0.0.1 for its models, side by side, and return the servers that answer in time."""
    async with open_session(TimeoutSettings(connect=seconds, read=seconds)) as session:
        answers = await asyncio.gather(*(_ask(session, port, seconds) for port in ports))
    return [server for server in answers if server]


def describe_models(servers: Sequence[ModelServer], environment: Mapping[str, str]) -> str:
    """Return what was found and the lines of `.env` that use it, or an empty text if nothing was found."""
    found = [*map(_describe_server, servers), *_describe_variables(environment)]
    if not found:
        return ""
    return "\nFor better answers, choose a model, and start again\n" + "".join(found)


async def _ask(session: aiohttp.ClientSession, port: int, seconds: float) -> ModelServer | None:
    url = f"http://127.0.0.1:{port}/v1"
    try:
        # A redirect could lead to another machine.
        async with asyncio.timeout(seconds), session.get(f"{url}/models", allow_redirects=False) as response:
            body = await read_json(Upstream("server"), response) if response.status == 200 else None
    except (TimeoutError, aiohttp.ClientError, GroundworkError):
        return None
    match body:
        case {"object": "list", "data": list(entries)}:
            return _to_server(port, url, [entry for entry in entries if isinstance(entry, dict)])
        case {"object": "list", "data": None}:  # Ollama without a model.
            return _to_server(port, url, [])
        case _:
            return None


def _to_server(port: int, url: str, entries: Sequence[Mapping[str, Any]]) -> ModelServer | None:
    owners = {str(entry.get("owned_by")) for entry in entries}
    if _OWN_MODELS in owners:
        return None  # Another service of this kind would answer from its own documents.
    known = [product for owner, product in _PRODUCTS.items() if owner in owners]
    product = known[0] if known else "Ollama" if port == _OLLAMA_PORT else "A server with OpenAI's API"
    names = [name for entry in entries if isinstance(name := entry.get("id"), str)]
    models = [name for name in names if _NAME.fullmatch(name) and not _CANNOT_WRITE.search(name)]
    return ModelServer(product, url, models) if models or product == "Ollama" else None


def _describe_server(server: ModelServer) -> str:
    place = f"  {server.product} runs on {server.url.removesuffix('/v1')}"
    if not server.models:
        return f"{place}, but has no model that writes. Get one: ollama pull llama3.1\n"
    shown, more = server.models[:_SHOWN_MODELS], len(server.models) - _SHOWN_MODELS
    names = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    return f"{place} with {names}. Put into .env:\n{_to_lines(server.url, server.models[0])}"


def _describe_variables(environment: Mapping[str, str]) -> list[str]:
    given = [name for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL") if environment.get(name)]
    if not given:
        return []
    # `.env` fills in variables, so that neither a key nor a password in an address is printed or copied.
    url = "${OPENAI_BASE_URL}" if "OPENAI_BASE_URL" in given else _OPENAI_URL
    model = "NAME" if "OPENAI_BASE_URL" in given else _EXAMPLE_MODEL
    key = "    RAG_GENERATOR__API_KEY=${OPENAI_API_KEY}\n" if "OPENAI_API_KEY" in given else ""
    return [
        f"  {' and '.join(given)} {'are' if len(given) > 1 else 'is'} set, but not used. To send questions and "
        f"passages there, put into .env, with a model of that server:\n{_to_lines(url, model)}{key}"
    ]


def _to_lines(url: str, model: str) -> str:
    value = f"'{model}'" if " " in model else model
    return f"    RAG_GENERATOR__KIND=openai\n    RAG_GENERATOR__URL={url}\n    RAG_GENERATOR__MODEL={value}\n"
