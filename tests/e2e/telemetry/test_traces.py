"""The spans that the running service and its worker send to a collector."""

import json
import re
import signal
import subprocess
import time
from dataclasses import dataclass

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.support.fakes.collector import Collector, collector
from tests.support.fakes.servers import ModelServer, in_thread, serve
from tests.support.programs import Service, service
from tests.support.servers.prometheus_server import needs_promtool
from tests.support.servers.redis_server import free_port, needs_redis, redis_server
from tests.support.waiting import wait_until

QUESTION = "What does error E1234 mean?"
SAID = ["The oil ", "level is ", "too low [1]."]
CALLER = "b7ad6b7169203331"
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
QUICKLY = {"OTEL_BSP_SCHEDULE_DELAY": "100", "RAG_LOG_FORMAT": "json"}


@dataclass
class Traced:
    service: Service
    collector: Collector
    model: ModelServer

    def ask(self, trace: str, *, sampled: bool = True):
        headers = {"traceparent": f"00-{trace}-{CALLER}-0{int(sampled)}"}
        return self.service.http.post("/v1/answers", json={"question": QUESTION}, headers=headers)

    def put(self, trace: str, name: str, body: bytes, media_type: str = "text/markdown"):
        headers = {"traceparent": f"00-{trace}-{CALLER}-01", "Content-Type": media_type}
        return self.service.http.put(f"/v1/documents/{name}?metadata.team=xylophone", content=body, headers=headers)

    def span(self, name: str, trace: str):
        return self.collector.wait_for(name, where=lambda span: span.trace_id == trace)

    def work_after(self, trace: str):
        """Return the worker's span that links to the trace, and the span that sent the entry."""
        sent = self.span("send", trace)
        return self.collector.wait_for("process", where=lambda it: (trace, sent.span_id) in it.links), sent


def trace_number(number: int) -> str:
    return f"{number:032x}"


@pytest.fixture(scope="module")
def start(ingested, handbook):
    """Return a function that starts the service with a small collection, a fake model and a collector."""

    def prepare(url: str, model_url: str, **settings):
        model = {"RAG_GENERATOR__URL": f"{model_url}/v1", "RAG_GENERATOR__MODEL": "told"}
        return service(
            ingested(handbook), RAG_TRACING__ENDPOINT=url, RAG_GENERATOR__KIND="openai", **model, **QUICKLY, **settings
        )

    return prepare


@pytest.fixture(scope="module")
def traced(start):
    model = ModelServer(SAID)
    with collector() as seen, in_thread(serve("/v1/chat/completions", model)) as url, start(seen.url, url) as running:
        yield Traced(running, seen, model)


def test_an_answer_is_a_workflow_with_its_stages_below_the_request(traced):
    assert traced.ask(trace_number(1)).status_code == 200
    request = traced.span("POST /v1/answers", trace_number(1))
    assert (request.kind, request.parent_id) == ("SERVER", CALLER)
    assert traced.collector.tree(request) == {
        "invoke_workflow rag.answer": {
            "embeddings all-MiniLM-L6-v2": {},
            "retrieval groundwork": {"query_points groundwork": {}},
            "expand": {},
            "chat told": {},
        }
    }
    assert {span.service for span in traced.collector.trace_of(request)} == {"groundwork-service"}


def test_each_span_has_the_attributes_of_the_conventions(traced):
    answer = traced.ask(trace_number(2)).json()
    spans = {span.name: span for span in traced.collector.trace_of(traced.span("POST", trace_number(2)))}
    said = {name: span.attributes for name, span in spans.items()}
    assert said["invoke_workflow rag.answer"].items() >= {
        ("gen_ai.operation.name", "invoke_workflow"),
        ("gen_ai.workflow.name", "rag.answer"),
        ("gen_ai.response.id", answer["id"]),
        ("gen_ai.prompt.name", "answer"),
        ("gen_ai.prompt.version", "v1"),
    }
    assert said["embeddings all-MiniLM-L6-v2"].items() >= {
        ("gen_ai.operation.name", "embeddings"),
        ("gen_ai.provider.name", "sentence-transformers"),
        ("gen_ai.request.model", "all-MiniLM-L6-v2"),
        ("gen_ai.embeddings.dimension.count", 384),
    }
    retrieval = said["retrieval groundwork"]
    assert retrieval.items() >= {
        ("gen_ai.operation.name", "retrieval"),
        ("gen_ai.data_source.id", "groundwork"),
        ("gen_ai.retrieval.top_k", 5),
    }
    assert {frozenset(document) for document in json.loads(retrieval["gen_ai.retrieval.documents"])} == {
        frozenset({"id", "score"})
    }
    assert said["query_points groundwork"].items() >= {
        ("db.system.name", "qdrant"),
        ("db.collection.name", "groundwork"),
        ("db.operation.name", "query_points"),
    }
    chat = said["chat told"]
    reasons = chat.pop("gen_ai.response.finish_reasons")
    assert reasons == ["stop"]
    assert chat.items() >= {
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "told"),
        ("gen_ai.request.stream", True),
        ("gen_ai.response.model", "served"),
        ("gen_ai.response.id", "chat-1"),
        ("gen_ai.usage.input_tokens", 7),
        ("gen_ai.usage.output_tokens", len(SAID)),
        ("gen_ai.prompt.version", "v1"),
        ("server.address", "127.0.0.1"),
    }
    assert spans["chat told"].kind == "CLIENT"
    assert 0 < chat["gen_ai.response.time_to_first_chunk"] <= spans["chat told"].seconds
    own = [span.schema_url for span in spans.values() if span.kind != "SERVER"]
    assert set(own) == {"https://opentelemetry.io/schemas/1.41.1"}


def test_the_model_server_receives_the_trace_context_of_the_calling_span(traced):
    traced.ask(trace_number(3))
    chat = traced.span("chat told", trace_number(3))
    assert traced.model.headers[-1]["traceparent"] == f"00-{trace_number(3)}-{chat.span_id}-01"


def test_no_span_and_no_log_holds_content(traced):
    traced.ask(trace_number(4))
    traced.put(trace_number(4), "secret.md", b"# Secret\n\nThe xylophone is hidden.")
    traced.work_after(trace_number(4))
    everything = json.dumps([vars(span) for span in traced.collector.spans]) + traced.service.log.read_text()
    for word in ("E1234", "oil", "xylophone", "secret"):
        assert word not in everything


def test_logs_carry_the_trace_and_the_span(traced):
    traced.ask(trace_number(5))
    request = traced.span("POST", trace_number(5))
    workflow = traced.span("invoke_workflow", trace_number(5))
    # The span of a request ends with its last byte, and the service logs the request after that.
    traced.service.wait_for_lines(event="request", trace_id=trace_number(5))
    ours = {line["event"]: line["span_id"] for line in traced.service.wait_for_lines(trace_id=trace_number(5))}
    # If the worker publishes meanwhile, the search logs that it opens the new revision, in the same trace.
    ours.pop("revision_opened", None)
    assert ours == {"request": request.span_id, "question_answered": workflow.span_id}
    assert not any("trace_id" in line for line in traced.service.wait_for_lines(event="worker_ready"))


def test_spans_of_a_stream_end_when_the_client_leaves(traced):
    traced.model.gap, traced.model.pieces = 0.2, ["word "] * 500
    headers = {"traceparent": f"00-{trace_number(6)}-{CALLER}-01"}
    body = {"question": QUESTION, "stream": True}
    try:
        with traced.service.http.stream("POST", "/v1/answers", json=body, headers=headers) as response:
            next(response.iter_lines())
        for name in ("chat told", "invoke_workflow rag.answer"):
            span = traced.span(name, trace_number(6))
            assert (span.failed, span.attributes["error.type"]) == (False, "cancelled")
            assert span.seconds < 30
        request = traced.span("POST /v1/answers", trace_number(6))
        assert (request.failed, request.attributes["groundwork.request.outcome"]) == (False, "cancelled")
        assert request.attributes["error.type"] == "cancelled"
    finally:
        traced.model.gap, traced.model.pieces = 0.0, SAID


def test_spans_of_a_broken_model_stream_fail_with_the_type_of_the_error(traced):
    traced.model.ending = b""
    try:
        traced.ask(trace_number(7))
    finally:
        traced.model.ending = None
    for name in ("chat told", "invoke_workflow rag.answer"):
        span = traced.span(name, trace_number(7))
        assert (span.failed, span.attributes["error.type"]) == (True, "BadResponse")
    request = traced.span("POST /v1/answers", trace_number(7))
    assert (request.failed, request.attributes["groundwork.request.outcome"]) == (True, "error")


def test_the_request_of_a_stream_that_breaks_fails_although_it_began_with_200(traced):
    traced.model.ending = b""
    headers = {"traceparent": f"00-{trace_number(15)}-{CALLER}-01"}
    body = {"question": QUESTION, "stream": True}
    try:
        said = traced.service.http.post("/v1/answers", json=body, headers=headers)
    finally:
        traced.model.ending = None
    assert (said.status_code, "event: error" in said.text) == (200, True)
    request = traced.span("POST /v1/answers", trace_number(15))
    assert (request.failed, request.attributes["groundwork.request.outcome"]) == (True, "error")
    assert request.attributes["http.response.status_code"] == 200


def test_an_unsampled_trace_is_propagated_and_logged_but_not_recorded(traced):
    traced.ask(trace_number(8), sampled=False)
    told = traced.model.headers[-1]["traceparent"]
    assert (told[3:35], told[-2:]) == (trace_number(8), "00")
    traced.ask(trace_number(9))
    traced.span("POST", trace_number(9))
    assert trace_number(8) not in {span.trace_id for span in traced.collector.spans}
    assert trace_number(8) in traced.service.log.read_text()


def test_probes_metrics_and_the_page_have_no_spans(traced):
    headers = {"traceparent": f"00-{trace_number(10)}-{CALLER}-01"}
    for path in ("/livez", "/readyz", "/metrics", "/", "/v1/documents"):
        traced.service.http.get(path, headers=headers)
    listed = traced.span("GET /v1/documents", trace_number(10))
    assert traced.collector.trace_of(listed) == [listed]


def test_an_upload_and_its_ingestion_are_two_linked_traces(traced):
    traced.put(trace_number(11), "pump.md", b"# Pump\n\nIt pumps.")
    work, sent = traced.work_after(trace_number(11))
    assert sent.kind == "PRODUCER"
    assert sent.attributes["messaging.system"] == "folder"
    assert (work.kind, work.service, work.parent_id) == ("CONSUMER", "groundwork-worker", "")
    assert work.trace_id != sent.trace_id
    assert work.attributes["groundwork.ingest.result"] == "new"
    stages = {"parse", "embeddings all-MiniLM-L6-v2", "upsert", "commit", "publish"}
    assert traced.collector.tree(work).keys() >= stages


def test_the_span_of_the_stage_that_rejects_a_document_fails(traced):
    traced.put(trace_number(12), "broken.pdf", b"no pdf", "application/pdf")
    work, _ = traced.work_after(trace_number(12))
    assert work.attributes["groundwork.ingest.result"] == "rejected"
    [parse] = [span for span in traced.collector.trace_of(work) if span.name == "parse"]
    assert parse.attributes["error.type"] == "InvalidInput"


def test_exemplars_link_the_histograms_to_the_trace(traced):
    traced.ask(trace_number(13))
    measured = ("request_duration", "time_to_first_token", "generator_time_to_first_token", "stage_duration")

    def lead_to_the_trace() -> set[str]:
        response = traced.service.http.get("/metrics", headers=OPENMETRICS)
        assert response.headers["content-type"].startswith("application/openmetrics-text")
        families = text_string_to_metric_families(response.text)
        samples = [it for family in families for it in family.samples if it.exemplar]
        return {sample.name for sample in samples if sample.exemplar.labels == {"trace_id": trace_number(13)}}

    # The service measures a request after it has sent the last byte.
    wait_until(lambda: lead_to_the_trace() == {f"rag_{name}_seconds_bucket" for name in measured})


def test_the_prometheus_text_format_has_no_exemplars(traced):
    traced.ask(trace_number(14))
    response = traced.service.http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert "trace_id" not in response.text
    assert spans_that_were(traced.service, "dropped") == 0


def test_every_counter_has_a_series_before_its_first_event(traced):
    families = text_string_to_metric_families(traced.service.http.get("/metrics", headers=OPENMETRICS).text)
    empty = {family.name for family in families if family.type == "counter" and not family.samples}
    # The judge is off, and there is no reference of questions.
    assert empty == {"rag_judge_verdicts", "rag_judge_failures", "rag_drift_observations"}


@needs_promtool
def test_promtool_accepts_the_metrics(traced):
    text = traced.service.http.get("/metrics").text
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert [line for line in (checked.stdout + checked.stderr).splitlines() if line.startswith("rag_")] == []


# By day, test_files.py asserts that an entry keeps its trace in the format of both inboxes, and a test above that the
# spans of a folder's entry are linked.
@needs_redis
@pytest.mark.nightly
def test_the_link_passes_through_redis(start, tmp_path):
    with (
        redis_server(tmp_path) as redis,
        collector() as seen,
        start(seen.url, "http://127.0.0.1:9", RAG_INBOX__KIND="redis", RAG_INBOX__URL=redis.url) as running,
    ):
        traced = Traced(running, seen, ModelServer([]))
        traced.put(trace_number(21), "pump.md", b"# Pump\n\nIt pumps.")
        work, sent = traced.work_after(trace_number(21))
    assert (sent.name, work.name) == ("send {groundwork}:inbox", "process {groundwork}:inbox")
    assert sent.attributes["messaging.system"] == "redis"


def test_with_both_switches_spans_hold_content_in_both_vocabularies(start):
    model = ModelServer(SAID)
    switches = {f"RAG_TRACING__{name}": "1" for name in ("SAMPLE", "CONTENT", "OPENINFERENCE")}
    with (
        collector() as seen,
        in_thread(serve("/v1/chat/completions", model)) as url,
        start(seen.url, url, RAG_WORKER="none", **switches) as running,
    ):
        traced = Traced(running, seen, model)
        traced.ask(trace_number(22))
        spans = {it.name: it.attributes for it in seen.trace_of(traced.span("POST", trace_number(22)))}
    assert {name: attributes["openinference.span.kind"] for name, attributes in spans.items()} == {
        "POST /v1/answers": "CHAIN",
        "invoke_workflow rag.answer": "CHAIN",
        "embeddings all-MiniLM-L6-v2": "EMBEDDING",
        "retrieval groundwork": "RETRIEVER",
        "query_points groundwork": "CHAIN",
        "expand": "CHAIN",
        "chat told": "LLM",
    }
    workflow, chat = spans["invoke_workflow rag.answer"], spans["chat told"]
    assert (workflow["input.value"], workflow["output.value"]) == (QUESTION, "".join(SAID))
    assert chat["llm.input_messages.0.message.role"] == "system"
    assert QUESTION in str(chat["llm.input_messages.1.message.content"])
    assert chat["llm.output_messages.0.message.content"] == "".join(SAID)
    assert chat["llm.token_count.total"] == 7 + len(SAID)
    assert json.loads(chat["gen_ai.input.messages"])[0]["role"] == "user"
    assert "E1234" in str(spans["retrieval groundwork"]["retrieval.documents.0.document.content"])


def test_an_unreachable_collector_is_counted_and_logged_once_and_used_when_it_returns(start):
    port = free_port()
    settings = {"RAG_TRACING__SAMPLE": "1", "RAG_WORKER": "none"}
    with start(f"http://127.0.0.1:{port}", "http://127.0.0.1:9", RAG_ANSWERING__MODE="quote", **settings) as running:
        for _ in range(5):
            assert running.ask(QUESTION).status_code == 200
        wait_until(lambda: spans_that_were(running, "failed") > 0)
        wait_until(lambda: "collector_away" in running.log.read_text())
        assert running.log.read_text().count("collector_away") == 1
        with collector(port) as seen:
            running.ask(QUESTION)
            seen.wait_for("invoke_workflow")
            wait_until(lambda: "collector_back" in running.log.read_text())
        for _ in range(5):
            running.ask(QUESTION)
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(60)
        assert time.monotonic() - began < 25
        log = running.log.read_text()
        assert "opentelemetry" not in log
        assert "Traceback" not in log


def spans_that_were(running: Service, result: str) -> float:
    pattern = rf'^rag_trace_spans_total\{{result="{result}"\}} (\S+)$'
    return float(re.search(pattern, running.http.get("/metrics").text, re.MULTILINE)[1])
