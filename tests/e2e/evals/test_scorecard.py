"""The scorecard of real services: this one, and the peer that is built with Haystack."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from evals.answers.gold import MANUALS, OWN_DOCUMENTS, draw_sample, read_question_set
from evals.scorecard.sources import upload_name
from tests.support.programs import evals, running_program, service
from tests.support.servers.redis_server import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
HAYHOOKS = ROOT / ".venv-peer" / "bin" / "hayhooks"
SAMPLE = 4
# An answer of the stand-in takes ten seconds.
SHORT = ("--uploaded", "--sample", str(SAMPLE), "--clients", "6", "--timeout", "20")


def judge(url: str, *more: str, data_dir: Path) -> dict[str, dict]:
    """Return the figures of the service."""
    target = data_dir.parent / "row.json"
    done = evals("scorecard", url, *SHORT, *more, "--name", "judged", "--json", str(target), data_dir=data_dir)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("| | judged | "), done.stdout
    [row] = json.loads(target.read_text())
    return row["figures"]


def test_this_service_is_judged_and_its_model_fails(data_dir):
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
            figures = judge(running.url, "--stand-in", model, "--on-stand-in", generating.url, data_dir=data_dir)
    values = {key: figure["value"] for key, figure in figures.items()}
    assert (values["questions"], values["failed"], values["sourced"], values["overload"]) == (SAMPLE, 0, 1, 1)
    assert values["right"] >= 0.25
    assert figures["leaving"]["text"].startswith("their model calls end after ")
    assert (values["model_fails"], values["model_breaks"]) == (1, 1)
    assert figures["model_fails"]["text"].startswith("status 503")
    assert figures["model_breaks"]["text"].startswith("an error in the stream")


def test_a_service_built_with_haystack_is_judged(peer, data_dir):
    figures = judge(peer, data_dir=data_dir)
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
    with log.open("w") as output, subprocess.Popen(command, env=env, cwd=ROOT, stdout=output, stderr=output) as process:
        try:
            wait_until(lambda: has_models(f"http://127.0.0.1:{port}"), seconds=300, describe=log.read_text)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def has_models(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/v1/models").json()["data"])
    except httpx.TransportError:
        return False
