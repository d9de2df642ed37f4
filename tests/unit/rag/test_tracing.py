"""Spans and their export, in cases that the running service cannot show."""

import asyncio
import socket
import subprocess
import sys
import threading
import time

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import INVALID_SPAN, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import HttpUrl
from structlog.testing import capture_logs

from rag.metrics import SPANS_DROPPED, SPANS_FAILED
from rag.settings import TracingSettings
from rag.tracing import semconv
from rag.tracing.attributes import documents
from rag.tracing.export import BoundedProcessor, CountingExporter, Provider
from rag.tracing.openinference import translate
from rag.tracing.spans import exemplar, ids, inside, links_to, span, traceparent
from tests.support.passages import hit

SETTINGS = TracingSettings(endpoint=HttpUrl("http://127.0.0.1:9"), sample=1)
MOST = 2048
FAILURE = SpanExportResult.FAILURE
CAUSE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0{}"


class Stuck(SpanExporter):
    """A collector that answers when the test releases it."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def export(self, _) -> SpanExportResult:
        self.released.wait(20)
        return SpanExportResult.SUCCESS


def in_a_process(program: str) -> str:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    return run.stdout.strip()


@pytest.mark.parametrize("module", ["service.program", "ingest.worker.worker"])
@pytest.mark.slow
def test_the_sdk_is_not_imported_without_a_collector(module):
    program = f"""
import asyncio, sys, {module}
from rag.settings import TracingSettings
from rag.tracing.spans import open_tracing
async def main():
    async with open_tracing(TracingSettings(), service="x"):
        print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
asyncio.run(main())"""
    assert in_a_process(program) == "[]"


@pytest.mark.slow
def test_a_collector_that_never_answers_does_not_delay_the_exit():
    program = """
import asyncio, sys, time
from opentelemetry.trace import SpanKind
from rag.settings import TracingSettings
from rag.tracing.spans import open_tracing
from rag.tracing.spans import root
async def main():
    async with open_tracing(TracingSettings(endpoint=sys.argv[1], sample=1), service="x"):
        for _ in range(2000):
            with root("work", {}, kind=SpanKind.INTERNAL, links=[]):
                pass
        ending = time.monotonic()
    return time.monotonic() - ending
print(asyncio.run(main()))"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        run = [sys.executable, "-c", program, url]
        ended = subprocess.run(run, capture_output=True, text=True, timeout=120, check=True)
    *log_lines, seconds = ended.stdout.splitlines()
    assert float(seconds) < 18  # Waiting for each of the four batches would take longer.
    assert len(log_lines) == 1  # The collector is unreachable.


def test_spans_beyond_the_limit_are_dropped_and_counted():
    collector = Stuck()
    provider = Provider(SETTINGS, service="test")
    provider.add_span_processor(BoundedProcessor(CountingExporter(collector, SETTINGS, collector="http://127.0.0.1:9")))
    tracer = provider.get_tracer("test")
    before, began = SPANS_DROPPED._value.get(), time.monotonic()
    for _ in range(MOST + 500):
        tracer.start_span("work").end()
    assert time.monotonic() - began < 15
    assert SPANS_DROPPED._value.get() - before == 500
    collector.released.set()
    provider.shutdown()
    assert SPANS_DROPPED._value.get() - before == 500


@pytest.mark.parametrize(("flag", "share", "recorded"), [(1, 0.001, True), (0, 1, False), (1, 0, False)])
def test_queued_work_is_recorded_if_its_cause_was(flag, share, recorded):
    provider = Provider(SETTINGS.model_copy(update={"sample": share}), service="test")
    work = provider.get_tracer("test").start_span("work", links=links_to(CAUSE.format(flag)))
    assert work.is_recording() == recorded


@pytest.mark.parametrize(
    ("environment", "share", "flag", "recorded"),
    [
        ({}, 0, "01", False),
        ({}, 0.001, "01", True),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, None, "00", True),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, None, "01", True),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, None, "01", False),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, 0, "01", False),
    ],
)
def test_the_sampler_decides_whether_a_caller_may_ask_for_a_recording(environment, share, flag, recorded, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    given = {} if share is None else {"sample": share}
    provider = Provider(TracingSettings(endpoint=HttpUrl("http://127.0.0.1:9"), **given), service="test")
    asked = TraceContextTextMapPropagator().extract({"traceparent": CAUSE.format(flag[1])})
    assert provider.get_tracer("test").start_span("work", asked).is_recording() == recorded


def test_the_operators_name_and_attributes_win_over_those_of_this_project(monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,service.namespace=shop,service.instance.id=p3")
    attributes = Provider(SETTINGS, service="groundwork-service").resource.attributes
    names = ("service.name", "service.namespace", "service.instance.id")
    assert [attributes[name] for name in names] == ["other", "shop", "p3"]
    monkeypatch.setenv("OTEL_SERVICE_NAME", "help-desk")
    assert Provider(SETTINGS, service="groundwork-service").resource.attributes["service.name"] == "help-desk"


def test_without_the_operators_variables_each_process_has_a_name_and_an_id_of_its_own():
    attributes = Provider(SETTINGS, service="groundwork-service").resource.attributes
    assert (attributes["service.name"], attributes["service.namespace"]) == ("groundwork-service", "groundwork")
    assert len(str(attributes["service.instance.id"])) > 8


def made(settings: TracingSettings, name: str, attributes: dict[str, str] | None = None) -> ReadableSpan:
    work = Provider(settings, service="x").get_tracer("x").start_span(name, attributes=attributes)
    assert isinstance(work, ReadableSpan)
    return work


class Failing(SpanExporter):
    """An exporter that raises, as with a certificate that cannot be read."""

    def export(self, _) -> SpanExportResult:
        raise OSError("https://user:secret@collector/?token=secret")


def test_an_exporter_that_raises_loses_its_spans_and_says_so_once_without_secrets():
    exporter = CountingExporter(Failing(), SETTINGS, collector="http://127.0.0.1:9")
    before = SPANS_FAILED._value.get()
    with capture_logs() as lines:
        for _ in range(3):
            assert exporter.export([made(SETTINGS, "work")]) is FAILURE
    assert SPANS_FAILED._value.get() - before == 3
    assert [line["event"] for line in lines] == ["collector_away"]
    assert lines[0]["reason"] == "OSError"
    assert "secret" not in str(lines)


@pytest.mark.parametrize(
    ("collector", "proxy"),
    [("http://collector.example:4318", "http://proxy.example:3128"), ("http://127.0.0.1:9", None)],
)
def test_a_proxy_in_front_of_the_collector_is_named_without_its_password(collector, proxy, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://user:secret@proxy.example:3128")
    with capture_logs() as lines:
        CountingExporter(Failing(), SETTINGS, collector=collector).export([made(SETTINGS, "work")])
    assert lines[0]["proxy"] == proxy
    assert "secret" not in str(lines)


class Kept(SpanExporter):
    """A collector that keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


@pytest.mark.parametrize("content", [False, True])
def test_the_address_of_a_document_is_content(content):
    settings, kept = SETTINGS.model_copy(update={"content": content}), Kept()
    attributes = {"url.path": "/v1/documents/plan.md", "url.query": "metadata.team=red", "http.route": "/v1/documents"}
    CountingExporter(kept, settings, collector="").export([made(settings, "PUT", attributes)])
    assert dict(kept.spans[0].attributes) == (attributes if content else {"http.route": "/v1/documents"})


def test_one_broken_character_does_not_cost_the_batch():
    kept = Kept()
    CountingExporter(kept, SETTINGS, collector="").export([made(SETTINGS, "chat", {"id": "a\ud800", "name": "é"})])
    assert dict(kept.spans[0].attributes) == {"id": "a?", "name": "é"}


@pytest.mark.parametrize("kept", ["", "nonsense", "00-0-0-01", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_an_invalid_traceparent_links_to_nothing(kept):
    assert links_to(kept) == []


async def test_the_span_of_a_stream_is_current_inside_the_stream_only():
    work = TracerProvider().get_tracer("test").start_span("work")
    assert isinstance(work, ReadableSpan)
    seen = []

    async def pieces():
        for number in range(3):
            seen.append(trace.get_current_span())
            yield number

    stream = inside(work, pieces())
    for number in range(3):
        assert await asyncio.create_task(anext(stream)) == number
        assert trace.get_current_span() is INVALID_SPAN
    assert work.is_recording()
    await stream.aclose()
    assert seen == [work] * 3
    assert not work.is_recording()
    assert work.attributes[semconv.ERROR_TYPE] == "cancelled"
    assert work.status.status_code is StatusCode.UNSET


def test_no_span_is_opened_outside_a_trace():
    with span("work", kind=SpanKind.CLIENT) as nothing:
        assert nothing is INVALID_SPAN
    assert (exemplar(), ids(), traceparent()) == (None, {}, "")


def test_a_span_names_ten_passages_at_most_and_keeps_under_128_attributes():
    attributes = {
        semconv.OPERATION: semconv.RETRIEVAL,
        **documents(semconv.RETRIEVAL_DOCUMENTS, [hit("The text.", ordinal=number) for number in range(30)]),
    }
    flat = translate(attributes)
    assert flat["retrieval.documents.9.document.id"] == "doc-9"
    assert "retrieval.documents.10.document.id" not in flat
    assert len(attributes | flat) < 128
    assert "The text." not in str(flat)
