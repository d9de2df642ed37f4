"""`python -m service` with telemetry that can be switched off and on between requests, to measure what it costs.

`GET /switch/<variant>` answers with the seconds of the processor that the process has had so far; `/switch/sent` sends
the spans that wait, too. All variants run in one process: two processes of the same settings differ by more than is
looked for. What only asks whether there is something to tell (for the current trace, say) runs in each of them.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import Counter, Gauge, Histogram
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service import program
from service.app import create_app

NONE, SHIPPED, TRACED = "none", "shipped", "traced"
SENT = "sent"
PATH = "/switch/"
_METRICS = ((Counter, "inc"), (Gauge, "set"), (Gauge, "inc"), (Gauge, "dec"), (Histogram, "observe"))
_LOGGED = ("debug", "info", "warning")


class Switch:
    """In front of the application."""

    def __init__(self) -> None:
        self.variant = TRACED
        self._untraced = trace.ProxyTracerProvider()
        self._provider = trace.get_tracer_provider

    def install(self, log_level: str) -> None:
        for kind, method in _METRICS:
            self._make_conditional(kind, method)
        for method in _LOGGED:
            self._make_conditional(structlog.make_filtering_bound_logger(log_level), method)
        # What the framework asks before each request; without its span none of ours is made.
        trace.get_tracer_provider = lambda: self._provider() if self.variant == TRACED else self._untraced

    def before(self, application: ASGIApp) -> ASGIApp:
        async def switched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].startswith(PATH):
                await application(scope, receive, send)
                return
            wanted = scope["path"].removeprefix(PATH)
            if wanted == SENT:
                provider = self._provider()
                assert isinstance(provider, TracerProvider)
                await asyncio.to_thread(provider.force_flush)
            else:
                self.variant = wanted
            await PlainTextResponse(str(time.process_time()))(scope, receive, send)

        return switched

    def _make_conditional(self, kind: type[Any], method: str) -> None:
        real: Callable[..., Any] = getattr(kind, method)

        def conditional(*given: Any, **named: Any) -> Any:
            return None if self.variant == NONE else real(*given, **named)

        setattr(kind, method, conditional)


def _main() -> int:
    switch = Switch()
    switch.install("info")
    vars(program)["create_app"] = lambda resources: switch.before(create_app(resources))
    return program.main()


if __name__ == "__main__":
    sys.exit(_main())
