"""Run a scenario: inject the fault, wait for its alerts, ask their runbooks' queries, fix the fault, wait again."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.drills.gameday.fast_rules import runbook_query
from tests.drills.gameday.scenarios import Scenario
from tests.drills.gameday.stage import Stage
from tests.support.shipped.expressions import DASHBOARDS

RUNBOOKS = DASHBOARDS.parent / "docs" / "operations" / "runbooks"
# Alerts on slow burns cover days, so they would still fire in the next scenario.
_FIRING = 'ALERTS{alertstate="firing",burn!="slow"}'
_FIRE_SECONDS = 240
_RESOLVE_SECONDS = 300
_POLL_SECONDS = 0.5


@dataclass(slots=True, kw_only=True)
class AlertResult:
    """The times of one alert in seconds. None means that the alert did not fire or did not resolve in time."""

    alert: str
    fired_after: float | None = None
    resolved_after: float | None = None
    query_results: list[tuple[str, str]] = field(default_factory=list)
    """Each query of the runbook with its result during the fault."""

    @property
    def complete(self) -> bool:
        return self.fired_after is not None and self.resolved_after is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """The result of one scenario."""

    scenario: Scenario
    alerts: list[AlertResult]
    other_alerts: set[str]


async def run_scenario(scenario: Scenario, stage: Stage, *, factor: int) -> ScenarioResult:
    """Run one scenario. It takes as long as its alerts need to fire and resolve, and at most a few minutes each."""
    results = {alert: AlertResult(alert=alert) for alert in sorted(scenario.alerts)}
    await _wait_until(stage, lambda firing: not firing, _RESOLVE_SECONDS)
    all_alerts: set[str] = set()
    injected = time.monotonic()

    def all_fired(firing: set[str]) -> bool:
        all_alerts.update(firing)
        for alert in firing & scenario.alerts:
            results[alert].fired_after = results[alert].fired_after or time.monotonic() - injected
        return all(result.fired_after is not None for result in results.values())

    async with scenario.inject(stage):
        await _wait_until(stage, all_fired, _FIRE_SECONDS)
        for result in results.values():
            result.query_results = await asyncio.to_thread(_ask_runbook, stage, result.alert, factor)
    fixed = time.monotonic()

    def all_resolved(firing: set[str]) -> bool:
        all_alerts.update(firing)
        for result in results.values():
            if result.alert in firing:
                result.resolved_after = None
            elif result.fired_after is not None and result.resolved_after is None:
                result.resolved_after = time.monotonic() - fixed
        return all(result.resolved_after is not None for result in results.values() if result.fired_after is not None)

    await _wait_until(stage, all_resolved, _RESOLVE_SECONDS)
    return ScenarioResult(scenario=scenario, alerts=list(results.values()), other_alerts=all_alerts - scenario.alerts)


def runbook_queries(alert: str) -> list[str]:
    """Return the PromQL queries of an alert's runbook, in order."""
    blocks = re.findall(r"```promql\n(.*?)```", (RUNBOOKS / f"{alert}.md").read_text(), re.DOTALL)
    return [block.strip() for block in blocks]


async def _wait_until(stage: Stage, happened: Callable[[set[str]], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        samples = await asyncio.to_thread(stage.prometheus.query, _FIRING)
        if happened({sample["metric"]["alertname"] for sample in samples}):
            return
        await asyncio.sleep(_POLL_SECONDS)


def _ask_runbook(stage: Stage, alert: str, factor: int) -> list[tuple[str, str]]:
    return [(query, _result(stage, runbook_query(query, factor))) for query in runbook_queries(alert)]


def _result(stage: Stage, query: str) -> str:
    samples = stage.prometheus.query(query)
    series = [(_labels(sample.get("metric", {})), float(sample["value"][1])) for sample in samples]
    # A value that is not equal to itself is NaN.
    largest = sorted((one for one in series if one[1] == one[1]), key=lambda one: -one[1])[:4]
    return "; ".join(f"{labels}{value:.3g}" for labels, value in largest) or "no data"


def _labels(metric: dict[str, str]) -> str:
    values = [value for name, value in sorted(metric.items()) if name not in {"__name__", "job", "instance", "slo"}]
    return f"{' '.join(values)} " if values else ""
