"""Range queries of a Prometheus, or of whatever speaks its HTTP interface."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

_TIMEOUT_SECONDS = 30.0
_POINTS = 240
_JOBS = "groundwork-"
_SHIPPED_SCRAPE_SECONDS = 15.0
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdw]))+")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Unanswered(Exception):
    """A Prometheus that is not there or does not understand; its text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From when to when, in Unix seconds, and how far two points are apart."""

    start: float
    end: float
    step: float

    @property
    def times(self) -> Sequence[float]:
        """Those of every series."""
        return [self.start + number * self.step for number in range(int((self.end - self.start) / self.step) + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Its value at each time of the span; NaN where it has none."""

    labels: Mapping[str, str]
    values: Sequence[float]


class Prometheus:
    """One server; every call takes half a minute at most."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def span(self, *, end: float, seconds: float) -> Span:
        """As many points as a picture can show, and not more often than there are samples."""
        step = max(seconds / _POINTS, min(self.scrape_seconds(), seconds / 2))
        return Span(start=end - seconds, end=end, step=step)

    def scrape_seconds(self) -> float:
        """How often this project's programs are scraped; as shipped where the server does not tell."""
        try:
            active = self._get("/api/v1/targets", state="active")["activeTargets"]
        except (Unanswered, KeyError):
            self._get("/api/v1/query", query="vector(1)")
            active = []
        ours = [target for target in active if target["labels"].get("job", "").startswith(_JOBS)]
        intervals = [parse_duration(target["scrapeInterval"]) for target in ours if "scrapeInterval" in target]
        return max(intervals, default=_SHIPPED_SCRAPE_SECONDS)

    def series(self, expression: str, span: Span) -> list[Series]:
        """What the expression is over the span; empty where it never was anything."""
        asked = {"start": span.start, "end": span.end, "step": span.step}
        found = self._get("/api/v1/query_range", query=expression, **asked)["result"]
        return [Series(labels=one["metric"], values=_on_grid(one["values"], span)) for one in found]

    def _get(self, path: str, **parameters: str | float) -> dict[str, Any]:
        base = str(self._http.base_url).rstrip("/")
        try:
            response = self._http.get(path, params=parameters)
            body = response.json()
        except httpx.HTTPError as error:
            raise Unanswered(
                f"No Prometheus answers at {base} ({error}). Start one (`prometheus --config.file="
                "dashboards/prometheus.yml`), or say where it is: make report PROMETHEUS=http://host:9090"
            ) from error
        except ValueError as error:
            raise Unanswered(f"What answers at {base} is no Prometheus: {response.status_code}, no JSON.") from error
        if not isinstance(body, dict) or body.get("status") != "success":
            reason = body.get("error") if isinstance(body, dict) else None
            raise Unanswered(f"Prometheus at {base} refuses: {reason or f'status {response.status_code}'}")
        data: dict[str, Any] = body["data"]
        return data


@contextmanager
def open_prometheus(url: str) -> Iterator[Prometheus]:
    try:
        client = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS)
    except (httpx.InvalidURL, TypeError) as error:
        raise Unanswered(f"{url} is no address of a Prometheus; it looks like http://127.0.0.1:9090") from error
    with client:
        yield Prometheus(client)


def parse_duration(text: str) -> float:
    """Seconds in Prometheus's words: 90s, 30m, 1h30m, 7d; raises ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no length of time; it looks like 30m, 6h or 7d")
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", text))


def _on_grid(values: Sequence[tuple[float, str]], span: Span) -> list[float]:
    found = {round((time - span.start) / span.step): float(value) for time, value in values}
    return [found.get(number, float("nan")) for number in range(len(span.times))]
