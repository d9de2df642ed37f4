"""Spans, as the code that is traced sees them. What is not sampled costs a look at a context variable.

Only OpenTelemetry's interface is imported here; without a collector nothing stands behind it (`rag.tracing.opening`).
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, MutableMapping, Sequence
from contextlib import aclosing, contextmanager
from typing import TypeVar

from opentelemetry import context, trace
from opentelemetry.trace import Link, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rag.tracing import semconv

Attributes = Mapping[str, str | int | float | bool | Sequence[str]]

T = TypeVar("T")

_TRACER = trace.get_tracer("groundwork", schema_url=semconv.SCHEMA_URL)
_W3C = TraceContextTextMapPropagator()
_CANCELLED = "cancelled"


def is_traced() -> bool:
    """Whether what happens now belongs to a trace that is recorded."""
    return trace.get_current_span().get_span_context().trace_flags.sampled


def keeps_content() -> bool:
    """Whether questions, passages and answers may stand in spans."""
    return getattr(trace.get_tracer_provider(), "keeps_content", False)


@contextmanager
def span(name: str, attributes: Attributes | None = None, *, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Span]:
    """A child of the current span, failed by what is raised inside; where nothing is recorded it keeps nothing."""
    if not is_traced():
        yield trace.INVALID_SPAN
        return
    with _current(start(name, attributes, kind=kind)) as begun:
        yield begun


@contextmanager
def root(name: str, attributes: Attributes, *, kind: SpanKind, links: Sequence[Link]) -> Iterator[Span]:
    """A span that begins a trace of its own, and only points to what caused it."""
    begun = _TRACER.start_span(name, context.Context(), kind=kind, attributes=attributes, links=links)
    with _current(begun):
        yield begun


def start(name: str, attributes: Attributes | None = None, *, kind: SpanKind = SpanKind.INTERNAL) -> Span:
    """A child of the current span, for `inside`, which ends it."""
    return _TRACER.start_span(name, kind=kind, attributes=attributes)


async def inside(begun: Span, stream: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """Passes a stream on; the span is current while the stream works, and ends with it, however that ends.

    Between two pieces it is not current: they may be asked for by different tasks, and what happens there is not ours.
    """
    within = trace.set_span_in_context(begun)
    try:
        with _failing(begun):
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
        begun.end()


def annotate(attributes: Attributes) -> None:
    """What an adapter learns on the way, on the current span."""
    trace.get_current_span().set_attributes(attributes)


def fail(error: Exception) -> None:
    """Of the current span, where the error does not pass through it."""
    _fail(trace.get_current_span(), error)


def exemplar() -> dict[str, str] | None:
    """What leads from a metric to the trace that made it so; None where none is recorded."""
    here = trace.get_current_span().get_span_context()
    return {"trace_id": trace.format_trace_id(here.trace_id)} if here.trace_flags.sampled else None


def ids() -> dict[str, str]:
    """The current trace and span, as logs have them; nothing where there is none."""
    here = trace.get_current_span().get_span_context()
    if not here.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(here.trace_id), "span_id": trace.format_span_id(here.span_id)}


def propagate(headers: MutableMapping[str, str]) -> None:
    """Adds `traceparent` for whoever is called; the caller's baggage stays here, for it is not ours to pass on."""
    if trace.get_current_span().get_span_context().is_valid:
        _W3C.inject(headers)


def traceparent() -> str:
    """The current span as a queue keeps it; empty where there is none."""
    headers: dict[str, str] = {}
    propagate(headers)
    return headers.get("traceparent", "")


def links_to(traceparent: str) -> list[Link]:
    """Points to the span that a queue kept; to none where it kept none, or something else."""
    cause = trace.get_current_span(_W3C.extract({"traceparent": traceparent}, context.Context()))
    return [Link(cause.get_span_context())] if cause.get_span_context().is_valid else []


@contextmanager
def _current(begun: Span) -> Iterator[Span]:
    ended = trace.use_span(begun, end_on_exit=True, record_exception=False, set_status_on_exception=False)
    with ended, _failing(begun):
        yield begun


@contextmanager
def _failing(begun: Span) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        _fail(begun, error)
        raise


def _fail(begun: Span, error: BaseException) -> None:
    """The error's type and no more: what it says may quote the content."""
    is_cancelled = isinstance(error, asyncio.CancelledError | GeneratorExit)
    begun.set_attribute(semconv.ERROR_TYPE, _CANCELLED if is_cancelled else type(error).__name__)
    begun.set_status(StatusCode.ERROR)
