"""OpenTelemetry's own variables (`OTEL_…`): invalid values are replaced before a library reads them.

Some libraries read them when they are imported, and an invalid value would end the program there, even without traces.
"""

import math
import os
import re
from collections.abc import Callable, MutableMapping
from importlib.metadata import entry_points
from urllib.parse import urlsplit

from rag.settings import TracingSettings

Checked = tuple[str | None, str]
"""The value to use, None for the default, and what is wrong with the given value. Empty if it is valid."""
Check = Callable[[str], Checked]

MAX_WAITING = 2048
"""Most spans that wait for export, if `OTEL_BSP_MAX_QUEUE_SIZE` is not set."""
MAX_BATCH = 512
"""Most spans of one export, if `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` is not set."""

_QUEUE = "OTEL_BSP_MAX_QUEUE_SIZE"
_BATCH = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
_TRACES_PATH = "/v1/traces"
_SAMPLERS = ("always_on", "always_off", "traceidratio")
# The characters that the exporter accepts. It would log any other header, with its value.
_HEADER = re.compile(r"\s*[\w!#$%&'*+.^`|~-]+\s*=[\x20\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*", re.ASCII)
_ATTRIBUTE = re.compile(r"\s*[^=\s]+\s*=.*")

_faults: list[str] = []


def repair_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Replace or remove each invalid `OTEL_…` value. `take_faults` returns what was wrong.

    Call it before opentelemetry is imported. Child processes inherit the repaired environment.
    """
    for name in [name for name in environment if name.startswith("OTEL_")]:
        value, fault = _checked(name, environment[name].strip())
        _replace(environment, name, value, fault)
    queue = int(environment.get(_QUEUE, MAX_WAITING))
    batch = int(environment.get(_BATCH, MAX_BATCH))
    if batch > queue:
        if _BATCH in environment:
            _faults.append(f"{_BATCH}: {batch} is more than may wait ({_QUEUE}). {queue} is used.")
        environment[_BATCH] = str(queue)


def take_faults() -> list[str]:
    """Return a sentence for each invalid value, once."""
    faults = _faults.copy()
    _faults.clear()
    return faults


def traces_url(settings: TracingSettings, environment: MutableMapping[str, str] = os.environ) -> str | None:
    """Return the URL that spans are sent to. `RAG_TRACING__ENDPOINT` comes before OpenTelemetry's variables."""
    if environment.get("OTEL_SDK_DISABLED") == "true" or environment.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    if settings.endpoint:
        return _with_path(str(settings.endpoint))
    if url := environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        return url
    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return _with_path(base) if base else None


def _with_path(base: str) -> str:
    """Append the path of traces to a base URL, before its query, which may be a token."""
    parts = urlsplit(base)
    return parts._replace(path=parts.path.rstrip("/").removesuffix(_TRACES_PATH) + _TRACES_PATH).geturl()


def _replace(environment: MutableMapping[str, str], name: str, value: str | None, fault: str) -> None:
    if fault:
        _faults.append(f"{name}: {fault}. {'It is ignored.' if value is None else 'The rest is used.'}")
    if value is None:
        del environment[name]
    else:
        environment[name] = value


def _checked(name: str, value: str) -> Checked:
    if not value:
        return None, ""  # By OpenTelemetry's specification an empty variable counts as unset.
    check = next((check for pattern, check in _CHECKS if re.fullmatch(pattern, name)), None)
    return check(value) if check else (value, "")


def _one_of(*allowed: str) -> Check:
    def check(value: str) -> Checked:
        if value.lower() in allowed:
            return value.lower(), ""
        return None, f"{value} is not one of {', '.join(allowed)}"

    return check


def _number(convert: type[int] | type[float], smallest: float, largest: float, what: str) -> Check:
    def check(value: str) -> Checked:
        try:
            is_valid = smallest <= convert(value) <= largest
        except ValueError:
            is_valid = False
        return (value, "") if is_valid else (None, f"{value} is not {what}")

    return check


def _pairs(pattern: re.Pattern[str]) -> Check:
    """Keep the valid pairs of a list `key=value,…`. The fault does not repeat the others, which may be secrets."""

    def check(value: str) -> Checked:
        given = [pair for pair in value.split(",") if pair.strip()]
        valid = [pair for pair in given if pattern.fullmatch(pair)]
        fault = f"{len(given) - len(valid)} of {len(given)} entries do not have the form key=value"
        return ",".join(valid) or None, "" if len(valid) == len(given) else fault

    return check


def _propagators(value: str) -> Checked:
    installed = {point.name for point in entry_points(group="opentelemetry_propagator")} | {"none"}
    named = [name.strip().lower() for name in value.split(",") if name.strip()]
    unknown = ", ".join(name for name in named if name not in installed)
    known = ",".join(name for name in named if name in installed)
    return known or None, f"there is no installed propagator {unknown}" if unknown else ""


def _url(value: str) -> Checked:
    try:
        parts = urlsplit(value)
        is_valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    return (value, "") if is_valid else (None, "it is not a valid URL such as http://127.0.0.1:4318")


def _unsupported(_: str) -> Checked:
    return None, "this program does not support it"


_CHECKS: tuple[tuple[str, Check], ...] = (
    ("OTEL_PROPAGATORS", _propagators),
    ("OTEL_BSP_.*", _number(int, 1, math.inf, "a positive whole number")),
    ("OTEL_TRACES_SAMPLER", _one_of(*_SAMPLERS, *(f"parentbased_{name}" for name in _SAMPLERS))),
    ("OTEL_TRACES_SAMPLER_ARG", _number(float, 0, 1, "a number from 0 to 1")),
    ("OTEL_TRACES_EXPORTER", _one_of("otlp", "none")),
    ("OTEL_SDK_DISABLED", _one_of("true", "false")),
    ("OTEL_RESOURCE_ATTRIBUTES", _pairs(_ATTRIBUTE)),
    ("OTEL_PYTHON_CONTEXT", _one_of("contextvars_context")),
    ("OTEL_PYTHON_.*_PROVIDER", _unsupported),
    (".*_(COUNT|LENGTH)_LIMIT", _number(int, 0, math.inf, "a whole number of at least 0")),
    ("OTEL_EXPORTER_OTLP_(TRACES_)?TIMEOUT", _number(float, 0.001, 1e6, "a positive number of seconds")),
    ("OTEL_EXPORTER_OTLP_(TRACES_)?COMPRESSION", _one_of("none", "gzip", "deflate")),
    ("OTEL_EXPORTER_OTLP_(TRACES_)?PROTOCOL", _one_of("http/protobuf")),
    ("OTEL_EXPORTER_OTLP_(TRACES_)?HEADERS", _pairs(_HEADER)),
    ("OTEL_EXPORTER_OTLP_(TRACES_)?ENDPOINT", _url),
)
