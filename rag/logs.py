"""Logs: structured, to standard error, with fields and never content."""

import logging
import sys
from contextlib import suppress
from typing import Any

import structlog

from rag.settings import KernelSettings
from rag.tracing import spans

# Variables hold questions and passages.
_WITHOUT_LOCALS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def configure_logging(settings: KernelSettings) -> None:
    """One line an event: coloured on a terminal, JSON elsewhere; a library's own records look the same."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = _render(as_json)
    # Straight to the stream: by way of the standard library a line costs a request twice as much.
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=lambda *_: _Logger(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    drop: structlog.typing.Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[drop, *rendering]))
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries speak up when something is wrong; what they do otherwise is not this program's news.
    root.setLevel(logging.WARNING)


class _Logger(structlog.WriteLogger):
    """Where nobody reads any more, or the disk is full, what is said is lost and work goes on."""

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    debug = info = warning = error = critical = exception = msg


def _add_trace(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Which trace and span the event belongs to, where there is one."""
    event.update(spans.ids())
    return event


def _render(as_json: bool) -> list[structlog.typing.Processor]:
    if as_json:
        return [structlog.processors.ExceptionRenderer(_WITHOUT_LOCALS), structlog.processors.JSONRenderer()]
    formatter = structlog.dev.plain_traceback  # The rich one would print variables.
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=formatter)]
