"""Spans for traced code. Without a sampled trace, a span costs one look-up of a context variable.

Only OpenTelemetry's API is imported here. `open_tracing` imports the SDK if a collector is configured.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager, nullcontext
from typing import TypeVar

import structlog
from opentelemetry import baggage, context, trace
from opentelemetry.propagate import inject
from opentelemetry.trace import Link, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rag.settings import TracingSettings
from rag.tracing import semconv
from rag.tracing.environment import take_faults, traces_url

log = structlog.get_logger()

Attributes = Mapping[str, str | int | float | bool | Sequence[str]]

T = TypeVar("T")

_TRACER = trace.get_tracer("groundwork", schema_url=semconv.SCHEMA_URL)
_W3C = TraceContextTextMapPropagator()
_ENDPOINT = "_ENDPOINT: "


@asynccontextmanager
async def open_tracing(settings: TracingSettings, *, service: str) -> AsyncIterator[None]:
    """Export the spans of this process while the block runs, and the remaining ones at its end. Call it once.

    Traces that cannot be exported are logged, and the program continues without them.
    """
    async with _build_export(settings, service) or nullcontext():
        yield


def is_traced() -> bool:
    """Return True inside a recorded trace."""
    return trace.get_current_span().get_span_context().trace_flags.sampled


def keeps_content() -> bool:
    """Return True if spans may have questions, passages and answers."""
    return getattr(trace.get_tracer_provider(), "keeps_content", False)


@contextmanager
def span(name: str, attributes: Attributes | None = None, *, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Span]:
    """Open a child of the current span. An exception marks it as failed. Outside a recorded trace, it does nothing."""
    if not is_traced():
        yield trace.INVALID_SPAN
        return
    with _current(start(name, attributes, kind=kind)) as opened:
        yield opened


@contextmanager
def root(name: str, attributes: Attributes, *, kind: SpanKind, links: Sequence[Link]) -> Iterator[Span]:
    """Open a span that starts a new trace and links to its causes."""
    opened = _TRACER.start_span(name, context.Context(), kind=kind, attributes=attributes, links=links)
    with _current(opened):
        yield opened


def start(name: str, attributes: Attributes | None = None, *, kind: SpanKind = SpanKind.INTERNAL) -> Span:
    """Start a child of the current span. `inside` ends it."""
    return _TRACER.start_span(name, kind=kind, attributes=attributes)


async def inside(opened: Span, stream: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """Yield the items of a stream. The span is current while the stream works, not while its consumer does."""
    within = trace.set_span_in_context(opened)
    try:
        with _failing(opened):
            async with aclosing(stream):
                while True:
                    token = context.attach(within)
                    try:
                        piece = await anext(stream)
                    except StopAsyncIteration:
                        return
                    finally:
                        context.detach(token)
                    yield piece
    finally:
        opened.end()


def annotate(attributes: Attributes) -> None:
    trace.get_current_span().set_attributes(attributes)


def fail(error: Exception) -> None:
    """Mark the current span as failed by an error that is handled inside it."""
    _fail(trace.get_current_span(), error)


def conclude(outcome: str) -> None:
    """Record how the metrics count the request of the current span. An error also marks the span as failed."""
    request = trace.get_current_span()
    if request.is_recording():
        request.set_attribute(semconv.OUTCOME, outcome)
        if outcome == "error":
            request.set_status(StatusCode.ERROR)


def exemplar() -> dict[str, str] | None:
    """Return the exemplar that links a metric to the current trace, or None outside a recorded trace."""
    here = trace.get_current_span().get_span_context()
    return {"trace_id": trace.format_trace_id(here.trace_id)} if here.trace_flags.sampled else None


def ids() -> dict[str, str]:
    """Return the ids of the current trace and span for logs. Empty outside a trace."""
    here = trace.get_current_span().get_span_context()
    if not here.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(here.trace_id), "span_id": trace.format_span_id(here.span_id)}


def propagate(headers: MutableMapping[str, str]) -> None:
    """Add the trace to the headers of a call, in the formats of `OTEL_PROPAGATORS`.

    Baggage of the client is not forwarded, because it may be private.
    """
    if trace.get_current_span().get_span_context().is_valid:
        inject(headers, baggage.clear())


def traceparent() -> str:
    """Return the current span in the W3C format for a queue entry. Empty outside a trace."""
    headers: dict[str, str] = {}
    _W3C.inject(headers)
    return headers.get("traceparent", "")


def links_to(traceparent: str) -> list[Link]:
    """Return a link to the span of a queue entry, or no link if its `traceparent` is empty or invalid."""
    cause = trace.get_current_span(_W3C.extract({"traceparent": traceparent}, context.Context()))
    return [Link(cause.get_span_context())] if cause.get_span_context().is_valid else []


def _build_export(settings: TracingSettings, service: str) -> AbstractAsyncContextManager[None] | None:
    url = traces_url(settings)
    for fault in take_faults():
        # Without traces the other variables do not matter.
        if url or _ENDPOINT in fault:
            log.warning("otel_variable_invalid", reason=fault)
    if url is None:
        return None
    try:
        from rag.tracing.export import build_export  # noqa: PLC0415

        return build_export(settings, url=url, service=service)
    except Exception as error:  # noqa: BLE001 - traces must not end what they describe
        # The SDK reads more variables than this program checks. Its message may quote one, such as a header.
        log.error("tracing_disabled", error=type(error).__name__, hint="check the OTEL_ variables")
        return None


@contextmanager
def _current(opened: Span) -> Iterator[Span]:
    ended = trace.use_span(opened, end_on_exit=True, record_exception=False, set_status_on_exception=False)
    with ended, _failing(opened):
        yield opened


@contextmanager
def _failing(opened: Span) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        _fail(opened, error)
        raise


def _fail(opened: Span, error: BaseException) -> None:
    """Record the type of the error only, because its text may quote content.

    A cancelled span is not a failed one: the client left, and the metrics do not count an error either.
    """
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        opened.set_attribute(semconv.ERROR_TYPE, semconv.CANCELLED)
        return
    opened.set_attribute(semconv.ERROR_TYPE, type(error).__name__)
    opened.set_status(StatusCode.ERROR)
