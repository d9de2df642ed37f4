"""An OpenTelemetry collector that accepts OTLP over HTTP and stores the spans for assertions."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Span:
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    service: str
    schema_url: str
    attributes: dict[str, object]
    links: list[tuple[str, str]]
    """The trace id and span id of each link."""
    events: dict[str, dict[str, object]]
    failed: bool
    seconds: float


@dataclass
class Collector:
    """The requests and spans received so far."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def wait_for(self, name: str, *, where: Callable[[Span], bool] = lambda _: True) -> Span:
        """Wait for a span whose name starts with `name`, and return the first one."""
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            for span in list(self.spans):
                if span.name.startswith(name) and where(span):
                    return span
            time.sleep(0.02)
        raise AssertionError(f"No span {name}; there are {sorted({span.name for span in self.spans})}")

    def trace_of(self, span: Span) -> list[Span]:
        return [other for other in self.spans if other.trace_id == span.trace_id]

    def tree(self, root: Span) -> dict[str, dict]:
        """Return the names of the spans below a span as nested dicts. Spans of one name are merged."""
        children: dict[str, dict] = {}
        for child in sorted(self.trace_of(root), key=lambda it: it.name):
            if child.parent_id == root.span_id:
                children.setdefault(child.name, {}).update(self.tree(child))
        return children


@contextmanager
def collector(port: int = 0) -> Iterator[Collector]:
    received = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.paths.append(self.path)
            received.headers.append({name.lower(): value for name, value in self.headers.items()})
            # Append all spans at once, so that a test that finds one of them also finds the others.
            received.spans += list(_read(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        received.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


def _read(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        about = {it.key: _value(it.value) for it in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _to_span(span, str(about["service.name"]), scope.schema_url)


def _to_span(span: WireSpan, service: str, schema_url: str) -> Span:
    return Span(
        name=span.name,
        kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        service=service,
        schema_url=schema_url,
        attributes={it.key: _value(it.value) for it in span.attributes},
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        events={event.name: {it.key: _value(it.value) for it in event.attributes} for event in span.events},
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
    )


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(it) for it in value.array_value.values]
    return getattr(value, kind) if kind else None
