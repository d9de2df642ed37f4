"""Invalid values of OpenTelemetry's variables: what is used instead, and the sentence about them."""

import subprocess
import sys

import pytest
from pydantic import HttpUrl

from rag.settings import TracingSettings
from rag.tracing.environment import repair_environment, take_faults, traces_url

_IMPORT = """
from rag.program import prepare_process
prepare_process("demo")
import asyncio, fastapi, opentelemetry.propagate
from rag.settings import TracingSettings
from rag.tracing.spans import open_tracing
async def main():
    async with open_tracing(TracingSettings({arguments}), service="x"):
        print("works")
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("OTEL_PROPAGATORS", "tracecontext,b3,baggage", "tracecontext,baggage"),
        ("OTEL_PROPAGATORS", "jaeger", None),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9999", "2048"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", None),
        ("OTEL_BSP_SCHEDULE_DELAY", "5s", None),
        ("OTEL_TRACES_SAMPLER", "sometimes", None),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5", None),
        ("OTEL_TRACES_SAMPLER_ARG", "nan", None),
        ("OTEL_TRACES_EXPORTER", "zipkin", None),
        ("OTEL_SDK_DISABLED", "yes", None),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-5", None),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "short", None),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", None),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "brotli", None),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", None),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", None),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=red,nonsense", "team=red"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=1,sesame", "x-key=1"),
        ("OTEL_PYTHON_CONTEXT", "magic_context", None),
        ("OTEL_PYTHON_TRACER_PROVIDER", "other", None),
    ],
)
def test_an_invalid_value_is_replaced_and_named_once(name, value, used):
    environment = {name: value}
    repair_environment(environment)
    assert environment.get(name) == used
    [fault] = take_faults()
    assert fault.startswith(f"{name}: ")
    assert fault.endswith(("It is ignored.", "The rest is used.", "2048 is used."))
    assert take_faults() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_PROPAGATORS", "none"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc,x-other=a=b"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector.example/v1/traces"),
        ("OTEL_SERVICE_NAME", "help desk"),
        ("OTEL_SOMETHING_NEW", "whatever"),
    ],
)
def test_a_valid_value_stays(name, value):
    environment = {name: value}
    repair_environment(environment)
    assert (environment, take_faults()) == ({name: value}, [])


def test_a_small_queue_needs_smaller_batches_and_no_advice():
    environment = {"OTEL_BSP_MAX_QUEUE_SIZE": "100"}
    repair_environment(environment)
    assert environment == {"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100"}
    assert take_faults() == []


def test_an_empty_variable_counts_as_unset():
    environment = {"OTEL_BSP_SCHEDULE_DELAY": "", "OTEL_SPAN_EVENT_COUNT_LIMIT": " "}
    repair_environment(environment)
    assert (environment, take_faults()) == ({}, [])


def test_a_sentence_never_repeats_a_header():
    repair_environment({"OTEL_EXPORTER_OTLP_HEADERS": "api-key:s3cret"})
    assert "s3cret" not in str(take_faults())


@pytest.mark.parametrize(
    ("endpoint", "environment", "url"),
    [
        ("http://127.0.0.1:4318", {}, "http://127.0.0.1:4318/v1/traces"),
        ("http://127.0.0.1:4318/otlp/", {}, "http://127.0.0.1:4318/otlp/v1/traces"),
        ("http://127.0.0.1:4318?token=abc&x=%2F", {}, "http://127.0.0.1:4318/v1/traces?token=abc&x=%2F"),
        ("http://127.0.0.1:4318/v1/traces", {}, "http://127.0.0.1:4318/v1/traces"),
        (None, {}, None),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces"),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/in"}, "http://c:4318/in"),
        ("http://ours:4318", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/in"}, "http://ours:4318/v1/traces"),
        ("http://ours:4318", {"OTEL_SDK_DISABLED": "true"}, None),
        ("http://ours:4318", {"OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_the_url_of_the_collector(endpoint, environment, url):
    assert traces_url(TracingSettings(endpoint=HttpUrl(endpoint) if endpoint else None), environment) == url


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["", "endpoint='http://127.0.0.1:9'"])
def test_a_program_starts_with_every_variable_invalid_and_warns_only_if_it_traces(arguments):
    names = ("PROPAGATORS", "BSP_SCHEDULE_DELAY", "SPAN_ATTRIBUTE_COUNT_LIMIT", "TRACES_SAMPLER", "PYTHON_CONTEXT")
    environment = {f"OTEL_{name}": "-1" for name in names} | {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "9999"}
    command = [sys.executable, "-c", _IMPORT.format(arguments=arguments)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert run.stdout == "works\n"
    assert run.stderr.count("otel_variable_invalid") == (6 if arguments else 0)
    assert "Traceback" not in run.stderr
