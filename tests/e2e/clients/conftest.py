"""A service with a key and a stand-in model, and the clients as programs in their own environment."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from service.auth.keys import Keys
from service.settings import Settings
from tests.support.fakes.servers import ModelServer, in_thread, serve
from tests.support.programs import Service, service

_PYTHON = Path(__file__).parents[3] / ".venv-clients" / "bin" / "python"
PIECES = ["Use seals ", "of the type ", "S-17 [1]."]
TEXT = "".join(PIECES)
# litellm imports for several seconds on a busy machine.
_SECONDS = 240


class Model(ModelServer):
    """A stand-in that breaks its stream if the question says so."""

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        breaks = "BREAK" in (await request.json())["messages"][-1]["content"]
        self.ending = b'data: {"error": {"message": "CUDA", "code": 500}}\n\n' if breaks else None
        return await super().__call__(request)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(PIECES)


@pytest.fixture(scope="module")
def served(model, ingested, handbook) -> Iterator[tuple[Service, str]]:
    """Yield the running service and its key."""
    data_dir = ingested(handbook)
    key = Keys(Settings(data_dir=data_dir).keys_file).create(tenant="default", role="reader")
    with in_thread(serve("/v1/chat/completions", model)) as url:
        settings = {
            "RAG_WORKER": "none",
            "RAG_GENERATOR__KIND": "openai",
            "RAG_GENERATOR__URL": f"{url}/v1",
            "RAG_GENERATOR__MODEL": "stand-in",
            # Python then writes each module that it imports to standard error.
            "PYTHONPROFILEIMPORTTIME": "1",
        }
        with service(data_dir, **settings) as running:
            running.http.headers["Authorization"] = f"Bearer {key}"
            yield running, key


@pytest.fixture(scope="session")
def run() -> Callable[..., Any]:
    """Return a function that runs a program in the environment of the clients, and returns what it printed."""
    if not _PYTHON.exists():
        pytest.skip("the clients are not installed: make setup-clients")

    def run_program(program: str, *arguments: str, **variables: str) -> Any:
        ended = subprocess.run(
            [str(_PYTHON), str(Path(__file__).with_name(program)), *arguments],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    return run_program
