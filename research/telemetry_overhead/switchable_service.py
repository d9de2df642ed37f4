"""`python -m service` with telemetry that can be switched off and on between requests, to measure its cost.

`GET /switch/<variant>` selects a variant and returns the CPU seconds of the process so far; `/switch/export` exports
the waiting spans. All variants run in one process, because two processes with equal settings differ by more than the
cost of telemetry. Code that only checks for telemetry, such as for a current trace, runs in every variant.
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
EXPORT = "export"
PATH = "/switch/"
_METRICS = ((Counter, "inc"), (Gauge, "set"), (Gauge, "inc"), (Gauge, "dec"), (Histogram, "observe"))
_LOGGED = ("debug", "info", "warning")


class Switch:
    """Middleware that selects the variant, and the patches that make telemetry depend on it."""

    def __init__(self) -> None:
        self.variant = TRACED
        self._untraced = trace.ProxyTracerProvider()
        self._provider = trace.get_tracer_provider

    def install(self, log_level: str) -> None:
        for kind, method in _METRICS:
            self._make_conditional(kind, method)
        for method in _LOGGED:
            self._make_conditional(structlog.make_filtering_bound_logger(log_level), method)
        # The framework asks for the provider before each request. Without its span, the service creates none.
        trace.get_tracer_provider = lambda: self._provider() if self.variant == TRACED else self._untraced

    def wrap(self, application: ASGIApp) -> ASGIApp:
        async def switched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].startswith(PATH):
                await application(scope, receive, send)
                return
            variant = scope["path"].removeprefix(PATH)
            if variant == EXPORT:
                provider = self._provider()
                assert isinstance(provider, TracerProvider)
                await asyncio.to_thread(provider.force_flush)
            else:
                self.variant = variant
            await PlainTextResponse(str(time.process_time()))(scope, receive, send)

        return switched

    def _make_conditional(self, kind: type[Any], method: str) -> None:
        original: Callable[..., Any] = getattr(kind, method)

        def conditional(*args: Any, **kwargs: Any) -> Any:
            return None if self.variant == NONE else original(*args, **kwargs)

        setattr(kind, method, conditional)


def _main() -> int:
    switch = Switch()
    switch.install("info")
    vars(program)["create_app"] = lambda resources: switch.wrap(create_app(resources))
    return program.main()


if __name__ == "__main__":
    sys.exit(_main())
