"""Export of spans: sampled, limited in number, and sent to the collector by a thread."""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_NAMESPACE, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, TraceState
from opentelemetry.util.types import AnyValue, Attributes
from requests.utils import get_environ_proxies, select_proxy

from rag.metrics import SPANS_DROPPED, SPANS_EXPORTED, SPANS_FAILED
from rag.settings import TracingSettings
from rag.tracing import semconv
from rag.tracing.environment import MAX_WAITING
from rag.tracing.openinference import translate

log = structlog.get_logger()

# A batch that takes longer is lost, because the next batches wait behind it.
_EXPORT_SECONDS = 5.0
_SHUTDOWN_SECONDS = 2.0
# Both have the address of a document, whose last part is its name.
_NAMES = (semconv.URL_PATH, semconv.URL_QUERY)
# They log each batch that fails, or values of variables. `CountingExporter` logs a failing collector once.
_NOISY = ("opentelemetry.exporter", "opentelemetry.util.re", "urllib3.connectionpool")


def build_export(settings: TracingSettings, *, url: str, service: str) -> AbstractAsyncContextManager[None]:
    """Return a context manager that exports spans to `url`. Raises if an `OTEL_…` variable cannot be used."""
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    has_timeout = {"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"} & os.environ.keys()
    exporter = OTLPSpanExporter(url, timeout=None if has_timeout else _EXPORT_SECONDS)
    provider = Provider(settings, service=service)
    provider.add_span_processor(BoundedProcessor(CountingExporter(exporter, settings, collector=_origin(url))))
    return _run(provider, exporter)


@asynccontextmanager
async def _run(provider: TracerProvider, exporter: SpanExporter) -> AsyncIterator[None]:
    """Export spans while the block runs. It ends within seconds, even without a reachable collector."""
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        # Afterwards the exporter gives up, and so do the batches that wait for it.
        timer = threading.Timer(_SHUTDOWN_SECONDS, exporter.shutdown)
        timer.start()
        await asyncio.to_thread(provider.shutdown)
        timer.cancel()


class Provider(TracerProvider):
    """OpenTelemetry's provider, which also knows whether spans may have content."""

    def __init__(self, settings: TracingSettings, *, service: str) -> None:
        ours = Resource.create({SERVICE_NAME: service, SERVICE_NAMESPACE: "groundwork"})
        # Merged last, because the operator's OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
        resource = ours.merge(OTELResourceDetector().detect())
        super().__init__(sampler=build_sampler(settings), resource=resource, shutdown_on_exit=False)
        self.keeps_content = settings.content


def build_sampler(settings: TracingSettings) -> Sampler:
    """Return the sampler of `RAG_TRACING__SAMPLE`, or else of `OTEL_TRACES_SAMPLER` if only that is set."""
    name = os.environ.get("OTEL_TRACES_SAMPLER")
    if name is None or "sample" in settings.model_fields_set:
        if not settings.sample:
            return ALWAYS_OFF
        return FollowingSampler(TraceIdRatioBased(settings.sample))
    samplers: dict[str, Sampler] = {"on": ALWAYS_ON, "off": ALWAYS_OFF}
    ratio = TraceIdRatioBased(float(os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1")))
    root = samplers.get(name.rpartition("_")[2], ratio)
    return FollowingSampler(root) if name.startswith("parentbased_") else root


class FollowingSampler(Sampler):
    """Follows the decision of the caller or of the linked span. Otherwise the given sampler decides."""

    def __init__(self, root: Sampler) -> None:
        self._parent_based = ParentBased(root)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        sampler: Sampler = self._parent_based
        if links:
            sampler = ALWAYS_ON if any(link.context.trace_flags.sampled for link in links) else ALWAYS_OFF
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return "FollowingSampler"


class CountingExporter(SpanExporter):
    """Sends batches, counts spans, and logs a failing collector once, and once more when it recovers.

    At most as many spans wait as the queue may have, including the batch that is being sent.
    """

    def __init__(self, exporter: SpanExporter, settings: TracingSettings, *, collector: str) -> None:
        self._exporter = exporter
        self._settings = settings
        self._collector = collector
        self._lock = threading.Lock()
        self._waiting = 0
        self._lost = 0
        self.max_waiting = int(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE", MAX_WAITING))

    def admit(self) -> bool:
        """Return True if one more span may wait."""
        with self._lock:
            if self._waiting >= self.max_waiting:
                return False
            self._waiting += 1
            return True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result, reason = SpanExportResult.FAILURE, "refused"
        try:
            result = self._exporter.export([self._prepare(span) for span in spans])
        except Exception as error:  # noqa: BLE001 - for example a certificate that cannot be read
            reason = type(error).__name__
        with self._lock:
            self._waiting -= len(spans)
        self._count(len(spans), is_exported=result is SpanExportResult.SUCCESS, reason=reason)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def _prepare(self, span: ReadableSpan) -> ReadableSpan:
        attributes = {name: _encodable(value) for name, value in (span.attributes or {}).items()}
        if not self._settings.content:
            for name in _NAMES:
                attributes.pop(name, None)
        if self._settings.openinference:
            attributes |= translate(attributes)
        # FastAPI marks a request as failed if its client left, but the metrics count only those that gave up waiting.
        is_cancelled = attributes.get(semconv.OUTCOME) == semconv.CANCELLED
        if is_cancelled:
            attributes[semconv.ERROR_TYPE] = semconv.CANCELLED
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            events=span.events,
            links=span.links,
            kind=span.kind,
            status=Status(StatusCode.UNSET) if is_cancelled else span.status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _count(self, spans: int, *, is_exported: bool, reason: str) -> None:
        (SPANS_EXPORTED if is_exported else SPANS_FAILED).inc(spans)
        if is_exported and self._lost:
            log.info("collector_back", lost=self._lost)
            self._lost = 0
        elif not is_exported:
            if not self._lost:
                metric = "rag_trace_spans_total"
                log.warning(
                    "collector_away",
                    endpoint=self._collector,
                    proxy=_proxy_to(self._collector),
                    reason=reason,
                    metric=metric,
                )
            self._lost += spans


class BoundedProcessor(BatchSpanProcessor):
    """OpenTelemetry's batch processor, which drops spans that the exporter does not admit."""

    def __init__(self, exporter: CountingExporter) -> None:
        super().__init__(exporter, max_queue_size=exporter.max_waiting)
        self._exporter = exporter

    def on_end(self, span: ReadableSpan) -> None:
        if not (span.context and span.context.trace_flags.sampled):
            return
        if self._exporter.admit():
            super().on_end(span)
        else:
            SPANS_DROPPED.inc()


def _encodable(value: AnyValue) -> AnyValue:
    """Replace lone surrogates, which a model may send. One of them would make the whole batch fail."""
    return value.encode(errors="replace").decode() if isinstance(value, str) and not value.isascii() else value


def _proxy_to(url: str) -> str | None:
    """Return the proxy of the environment that spans are sent through, without its password, or None."""
    proxy = select_proxy(url, get_environ_proxies(url))
    return _origin(proxy) if proxy else None


def _origin(url: str) -> str:
    """Return the address without user, password and query, which may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
