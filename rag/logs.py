"""Structured logs to standard error. They have fields and never content."""

import logging
import sys
from contextlib import suppress
from typing import Any

import structlog

from rag.settings import KernelSettings
from rag.tracing import spans

# Local variables hold questions and passages, which must not reach the log.
_WITHOUT_LOCALS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def configure_logging(settings: KernelSettings) -> None:
    """Log one line per event: coloured on a terminal, otherwise JSON. Records of libraries have the same format."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = _render(as_json)
    # Written directly to the stream: through the standard library, a log line takes twice as long.
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
    # Only warnings of libraries are logged; their informational records would bury those of this program.
    root.setLevel(logging.WARNING)


class _Logger(structlog.WriteLogger):
    """A logger that drops the line if the pipe is closed or the disk is full, so that the program continues."""

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    debug = info = warning = error = critical = exception = msg


def _add_trace(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event.update(spans.ids())
    return event


def _render(as_json: bool) -> list[structlog.typing.Processor]:
    if as_json:
        return [structlog.processors.ExceptionRenderer(_WITHOUT_LOCALS), structlog.processors.JSONRenderer()]
    formatter = structlog.dev.plain_traceback  # The default formatter, rich, prints local variables.
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=formatter)]
