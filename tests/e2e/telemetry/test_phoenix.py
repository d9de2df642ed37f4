"""Ask the running service and read the trace back from a real Arize Phoenix."""

import time

import httpx
import pytest

from tests.support.programs import service
from tests.support.servers.phoenix_server import PHOENIX, phoenix_server

pytestmark = pytest.mark.skipif(not PHOENIX.exists(), reason="Phoenix is not installed here: make setup-phoenix")

QUESTION = "What does error E1234 mean?"
PROJECT = "pumps"
SWITCHES = {f"RAG_TRACING__{name}": "1" for name in ("SAMPLE", "CONTENT", "OPENINFERENCE")}
OURS = {"OTEL_RESOURCE_ATTRIBUTES": f"openinference.project.name={PROJECT}", "OTEL_BSP_SCHEDULE_DELAY": "100"}
KINDS = {
    "POST /v1/answers": "CHAIN",
    "invoke_workflow rag.answer": "CHAIN",
    "embeddings all-MiniLM-L6-v2": "EMBEDDING",
    "retrieval groundwork": "RETRIEVER",
    "query_points groundwork": "CHAIN",
    "expand": "CHAIN",
    "chat SmolLM2-135M-Instruct": "LLM",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory, ingested, handbook):
    """Return the answer, and the spans that Phoenix stored for it, by name."""
    with phoenix_server(tmp_path_factory.mktemp("phoenix")) as url:
        settings = {"RAG_TRACING__ENDPOINT": url, "RAG_ANSWERING__MAX_TOKENS": "32", "RAG_WORKER": "none"}
        with service(ingested(handbook), **settings, **SWITCHES, **OURS) as running:
            answer = running.ask(QUESTION, mode="generate").json()
        yield answer, spans_in(url)


def spans_in(url: str) -> dict[str, dict]:
    deadline = time.monotonic() + 120
    found: dict[str, dict] = {}
    while found.keys() < KINDS.keys() and time.monotonic() < deadline:
        time.sleep(0.5)
        response = httpx.get(f"{url}/v1/projects/{PROJECT}/spans", params={"limit": 100}, timeout=60)
        found = {span["name"]: span for span in response.json()["data"]} if response.is_success else {}
    return found


def test_phoenix_has_the_whole_trace_with_the_kind_of_each_span(told):
    _, spans = told
    assert {name: span["span_kind"] for name, span in spans.items()} == KINDS
    assert len({span["context"]["trace_id"] for span in spans.values()}) == 1


def test_phoenix_has_the_same_tree_of_spans(told):
    _, spans = told
    names = {span["context"]["span_id"]: name for name, span in spans.items()}
    parents = {name: names.get(span["parent_id"]) for name, span in spans.items()}
    workflow = "invoke_workflow rag.answer"
    assert parents == {
        "POST /v1/answers": None,
        workflow: "POST /v1/answers",
        "embeddings all-MiniLM-L6-v2": workflow,
        "retrieval groundwork": workflow,
        "query_points groundwork": "retrieval groundwork",
        "expand": workflow,
        "chat SmolLM2-135M-Instruct": workflow,
    }


def test_phoenix_shows_question_answer_passages_and_tokens(told):
    answer, spans = told
    workflow = spans["invoke_workflow rag.answer"]["attributes"]
    assert (workflow["input.value"], workflow["output.value"]) == (QUESTION, answer["answer"])
    chat = spans["chat SmolLM2-135M-Instruct"]["attributes"]
    assert chat["llm.model_name"] == chat["gen_ai.request.model"] == "SmolLM2-135M-Instruct"
    assert chat["llm.token_count.prompt"] == chat["gen_ai.usage.input_tokens"] == answer["usage"]["prompt_tokens"]
    assert chat["llm.token_count.completion"] == answer["usage"]["completion_tokens"]
    passage = spans["retrieval groundwork"]["attributes"]
    assert "E1234" in str(passage)
    assert spans["query_points groundwork"]["attributes"]["db.system.name"] == "qdrant"
