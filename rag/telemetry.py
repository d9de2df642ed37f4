"""Logs: structured, to standard error, with fields and never content."""

import logging
import sys
from typing import Any

import structlog

from rag.settings import KernelSettings
from rag.tracing import spans

_OURS = ("rag", "service", "ingest")
# Variables hold questions and passages.
_WITHOUT_LOCALS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def configure_logging(settings: KernelSettings) -> None:
    """One line an event: coloured on a terminal, JSON elsewhere; a library's own records take the same way."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_render(as_json)))
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries speak up when something is wrong; what they do otherwise is not this program's news.
    root.setLevel(logging.WARNING)
    for package in _OURS:
        logging.getLogger(package).setLevel(settings.log_level.upper())


def _add_trace(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Which trace and span the event belongs to, where there is one."""
    event.update(spans.ids())
    return event


def _render(as_json: bool) -> list[structlog.typing.Processor]:
    drop: structlog.typing.Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if as_json:
        renderer: Any = structlog.processors.JSONRenderer()
        return [drop, structlog.processors.ExceptionRenderer(_WITHOUT_LOCALS), renderer]
    formatter = structlog.dev.plain_traceback  # The rich one would print variables.
    return [drop, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=formatter)]
