"""The scorecard of real services: this one, and the peer that is built with Haystack."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from evals.answers.gold import MANUALS, OWN_DOCUMENTS, draw_sample, read_question_set
from evals.program import build_parser
from evals.scorecard.sources import upload_name
from service.settings import Settings
from tests.support.programs import running_program, service
from tests.support.servers.redis_server import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
HAYHOOKS = ROOT / ".venv-peer" / "bin" / "hayhooks"
SAMPLE = 4
# An answer of the stand-in takes ten seconds.
SHORT = ("--uploaded", "--sample", str(SAMPLE), "--clients", "6", "--timeout", "20")


@pytest.fixture
def judge(tmp_path, capsys) -> Callable[..., dict[str, dict]]:
    """Return a function that returns the figures of a service."""

    def run(url: str, *more: str) -> dict[str, dict]:
        target = tmp_path / "row.json"
        command = ["scorecard", url, *SHORT, *more, "--name", "judged", "--json", str(target)]
        arguments = build_parser().parse_args(command)
        arguments.run(arguments, Settings())
        assert capsys.readouterr().out.startswith("| | judged | ")
        [row] = json.loads(target.read_text())
        return row["figures"]

    return run


def test_this_service_is_judged_and_its_model_fails(data_dir, judge):
    asked = read_question_set(MANUALS, half="report").questions
    first = next(question for question in asked if question.is_answerable)
    wanted = {
        passage.document
        for question in [first, *draw_sample(asked, SAMPLE)]
        for group in question.evidence
        for passage in group
    }
    with (
        running_program(
            "evals.scorecard.stand_in", "--port", "0", announcement=r"answers on (\S+)/v1", log=data_dir / "model.log"
        ) as (_, model),
        service(data_dir) as running,
    ):
        for name in wanted:
            running.put(upload_name(name), (OWN_DOCUMENTS / name).read_bytes())
        for name in wanted:
            running.wait_for_state(upload_name(name), "ready")
        generator = {"RAG_GENERATOR__KIND": "openai", "RAG_GENERATOR__URL": f"{model}/v1"}
        with service(data_dir, RAG_WORKER="none", RAG_GENERATOR__MODEL="stand-in", **generator) as generating:
            figures = judge(running.url, "--stand-in", model, "--on-stand-in", generating.url)
    values = {key: figure["value"] for key, figure in figures.items()}
    assert (values["questions"], values["failed"], values["sourced"], values["overload"]) == (SAMPLE, 0, 1, 1)
    assert values["right"] >= 0.25
    assert figures["leaving"]["text"].startswith("their model calls end after ")
    assert (values["model_fails"], values["model_breaks"]) == (1, 1)
    assert figures["model_fails"]["text"].startswith("status 503")
    assert figures["model_breaks"]["text"].startswith("an error in the stream")


def test_a_service_built_with_haystack_is_judged(peer, judge):
    figures = judge(peer)
    values = {key: figure["value"] for key, figure in figures.items()}
    assert (values["questions"], values["failed"], values["sourced"], values["overload"]) == (SAMPLE, 0, 1, 1)
    assert values["citation_precision"] > 0
    assert values["leaving"] > 0


@pytest.fixture
def peer(tmp_path) -> Iterator[str]:
    """Yield the address of the peer as `make peer` serves it, on a free port."""
    if not HAYHOOKS.exists():
        pytest.skip("the peer is not installed: make setup-peer")
    port = str(free_port())
    log = tmp_path / "peer.log"
    env = {**os.environ, "PEER_CORPUS": str(OWN_DOCUMENTS), "HAYSTACK_TELEMETRY_ENABLED": "False"}
    command = [HAYHOOKS, "run", "--host", "127.0.0.1", "--port", port, "--pipelines-dir", "evals/scorecard/peer"]
    url = f"http://127.0.0.1:{port}"
    with (
        log.open("w") as output,
        subprocess.Popen(command, env=env, cwd=ROOT, stdout=output, stderr=output) as process,
        httpx.Client(base_url=url) as client,
    ):
        try:
            wait_until(lambda: has_models(client), seconds=300, describe=log.read_text)
            yield url
        finally:
            process.terminate()


def has_models(client: httpx.Client) -> bool:
    try:
        return bool(client.get("/v1/models").json()["data"])
    except httpx.TransportError:
        return False
