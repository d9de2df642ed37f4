"""Export of spans: sampled, limited in number, and sent to the collector by a thread."""

import asyncio
import logging
import threading
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_NAMESPACE, Resource
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
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from rag.metrics import SPANS_DROPPED, SPANS_EXPORTED, SPANS_FAILED
from rag.settings import TracingSettings
from rag.tracing import semconv
from rag.tracing.openinference import translate

log = structlog.get_logger()

_MAX_WAITING = 2048
# A batch that takes longer is lost, because the next batches wait behind it.
_EXPORT_SECONDS = 5.0
_SHUTDOWN_SECONDS = 2.0


@asynccontextmanager
async def open_export(settings: TracingSettings, *, endpoint: str, service: str) -> AsyncIterator[None]:
    """Export spans while the block runs. It ends within seconds, even without a reachable collector."""
    # `CountingExporter` logs a failing collector once; this logger would log each batch.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
    provider = Provider(settings, service=service)
    provider.add_span_processor(BoundedProcessor(CountingExporter(exporter, settings)))
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
        identity = {SERVICE_NAME: service, SERVICE_NAMESPACE: "groundwork", SERVICE_INSTANCE_ID: uuid.uuid4().hex}
        super().__init__(
            sampler=FollowingSampler(settings.sample), resource=Resource.create(identity), shutdown_on_exit=False
        )
        self.keeps_content = settings.content


class FollowingSampler(Sampler):
    """Follows the decision of the caller or of the linked span. Otherwise it samples a share of the traces."""

    def __init__(self, share: float) -> None:
        self._parent_based = ParentBased(TraceIdRatioBased(share))

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

    At most `_MAX_WAITING` spans wait, including the batch that is being sent.
    """

    def __init__(self, exporter: SpanExporter, settings: TracingSettings) -> None:
        self._exporter = exporter
        self._settings = settings
        self._lock = threading.Lock()
        self._waiting = 0
        self._lost = 0

    def admit(self) -> bool:
        """Return True if one more span may wait."""
        with self._lock:
            if self._waiting >= _MAX_WAITING:
                return False
            self._waiting += 1
            return True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export([self._prepare(span) for span in spans])
        finally:
            with self._lock:
                self._waiting -= len(spans)
            self._count(len(spans), is_exported=result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def _prepare(self, span: ReadableSpan) -> ReadableSpan:
        attributes = dict(span.attributes or {})
        if not self._settings.content:
            attributes.pop(
                semconv.URL_QUERY, None
            )  # FastAPI's span has the query string, which contains metadata of documents.
        if self._settings.openinference:
            attributes |= translate(attributes)
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=attributes,
            events=span.events,
            links=span.links,
            kind=span.kind,
            status=span.status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _count(self, spans: int, *, is_exported: bool) -> None:
        (SPANS_EXPORTED if is_exported else SPANS_FAILED).inc(spans)
        if is_exported and self._lost:
            log.info("collector_back", lost=self._lost)
            self._lost = 0
        elif not is_exported:
            if not self._lost:
                log.warning("collector_away", endpoint=str(self._settings.endpoint), metric="rag_trace_spans_total")
            self._lost += spans


class BoundedProcessor(BatchSpanProcessor):
    """OpenTelemetry's batch processor, which drops spans that the exporter does not admit."""

    def __init__(self, exporter: CountingExporter) -> None:
        super().__init__(exporter, max_queue_size=_MAX_WAITING)
        self._exporter = exporter

    def on_end(self, span: ReadableSpan) -> None:
        if not (span.context and span.context.trace_flags.sampled):
            return
        if self._exporter.admit():
            super().on_end(span)
        else:
            SPANS_DROPPED.inc()
