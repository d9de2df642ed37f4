"""Structured logs to standard error. They have fields and never content.

`RAG_LOG_FORMAT` and `RAG_LOG_LEVEL` hold for every line: also for those of libraries, of Python itself, and for the
sentences that a program says to its operator.
"""

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from rag.log_stream import LogStream
from rag.redaction import redact
from rag.settings import LogSettings
from rag.tracing import spans

# Local variables hold questions and passages, which must not reach the log.
_WITHOUT_LOCALS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
# The query of a complete address. Any of its parameters may be a secret, whatever its name.
_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?\"'<>]*\?)[^\s\"'<>]+")

# Python writes these numbers, but many readers of JSON reject the whole line.
_NOT_JSON = ("NaN", "Infinity")


def configure_logging(settings: LogSettings, *, is_command: bool = False) -> None:
    """Log one line per event to standard error. `is_command` is True if a person reads the output of the program."""
    stream = LogStream()
    as_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not (is_command or stream.is_terminal)
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = _Rendering(_json_renderers() if as_json else _console_renderers(colors=stream.is_terminal))
    # Written directly to the stream: through the standard library, a log line takes twice as long.
    structlog.configure(
        processors=[*shared, rendering],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=lambda *_: _Logger(stream),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_Handler(stream, shared, rendering)]
    # Informational records of libraries would bury those of this program.
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[settings.log_level.upper()]))


def say(event: str, text: str, **fields: object) -> None:
    """Print a message for the operator: the text alone on a terminal, and a log line with text and fields in JSON."""
    structlog.get_logger().info(event, text=text, **fields)


def report(event: str, text: str) -> None:
    """Print a message for the caller of a command, such as its progress. Commands log warnings and errors only."""
    structlog.get_logger().warning(event, text=text)


def say_why_it_ends(text: str) -> None:
    """Print why the program ends, at every log level."""
    structlog.get_logger().critical("program_failed", text=text)


def log_what_python_prints() -> None:
    """Log warnings and uncaught exceptions, which Python would otherwise print in a format of its own."""
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False
    sys.excepthook = lambda _, error, __: _log_end(error)
    threading.excepthook = lambda crash: _log_crash("thread_crashed", crash.exc_value)
    sys.unraisablehook = lambda crash: _log_crash("error_ignored", crash.exc_value)


class _Logger:
    """The end of structlog's chain."""

    def __init__(self, stream: LogStream) -> None:
        self._write = stream.write_line

    def msg(self, line: str) -> None:
        self._write(line)

    debug = info = warning = error = critical = exception = msg


class _Handler(logging.Handler):
    """Writes records of the standard library like events of this program."""

    def __init__(self, stream: LogStream, shared: Sequence[Processor], rendering: Processor) -> None:
        super().__init__()
        self._stream = stream
        drop: Processor = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(foreign_pre_chain=list(shared), processors=[drop, rendering])
        )

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - a library's format string may not fit its arguments
            line = _unreadable(record.name, error)
        self._stream.write_line(line)


class _Rendering:
    """Renders an event to a line and never fails."""

    def __init__(self, processors: Sequence[Processor]) -> None:
        self._processors = processors

    def __call__(self, logger: Any, method: str, event: EventDict) -> str:
        name = event.get("event")
        try:
            rendered: Any = event
            for process in self._processors:
                rendered = process(logger, method, rendered)
            return str(rendered)
        except Exception as error:  # noqa: BLE001 - a value may fail to render itself
            return _unreadable(str(name), error)


def _json_renderers() -> list[Processor]:
    return [
        structlog.processors.ExceptionRenderer(_WITHOUT_LOCALS),
        structlog.processors.JSONRenderer(serializer=_to_json),
    ]


def _console_renderers(*, colors: bool) -> list[Processor]:
    formatter = structlog.dev.plain_traceback  # The default formatter, rich, prints local variables.
    render = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=formatter)

    def render_for_people(logger: Any, method: str, event: EventDict) -> str:
        text = event.get("text")
        # The values before, because they are shown with escaped characters; the line after, because of the traceback.
        return _redact(text if isinstance(text, str) else render(logger, method, _without_secrets(event)))

    return [render_for_people]


def _to_json(event: EventDict, *, default: Callable[[Any], Any], **options: Any) -> str:
    # Secrets are removed before the text is quoted, because the escaped characters would hide some of them.
    line = json.dumps(_without_secrets(event), default=lambda value: _without_secrets(default(value)), **options)
    if any(number in line for number in _NOT_JSON):
        return json.dumps(json.loads(line, parse_constant=str), **options)
    return line


def _without_secrets(value: Any) -> Any:
    match value:
        case str():
            return _redact(value)
        case list() | tuple():
            return [_without_secrets(one) for one in value]
        case dict():
            return {name: _without_secrets(one) for name, one in value.items()}
        case _:
            return value


def _redact(text: str) -> str:
    return _QUERY.sub(r"\1***", redact(text)) if "://" in text else redact(text)


def _unreadable(source: str, error: Exception) -> str:
    return json.dumps({"event": "log_line_unreadable", "source": source, "error": type(error).__name__})


def _log_end(error: BaseException) -> None:
    if isinstance(error, KeyboardInterrupt):
        say_why_it_ends("The program was interrupted.")
    else:
        _log_crash("program_crashed", error)


def _log_crash(event: str, error: BaseException | None) -> None:
    structlog.get_logger().critical(event, exc_info=error)


def _add_trace(_: Any, __: str, event: EventDict) -> EventDict:
    event.update(spans.ids())
    return event
