"""One scenario after another: break, see the alert, read its runbook's graphs, mend, see it clear."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.drills.gameday.scenarios import Scenario
from tests.drills.gameday.shortening import runbook_query
from tests.drills.gameday.stage import Stage
from tests.support.expressions import DASHBOARDS

RUNBOOKS = DASHBOARDS.parent / "docs" / "operations" / "runbooks"
# Slow burns go on for as long as their window is: that is what they are for.
_FIRING = 'ALERTS{alertstate="firing",burn!="slow"}'
_FIRE_SECONDS = 240
_CLEAR_SECONDS = 300
_POLL_SECONDS = 0.5


@dataclass(slots=True, kw_only=True)
class Sight:
    """What was seen of one alert; None: it was waited for in vain."""

    alert: str
    fired_after: float | None = None
    cleared_after: float | None = None
    looked_at: list[tuple[str, str]] = field(default_factory=list)
    """Each query of the runbook and what it showed while the thing was broken."""

    @property
    def complete(self) -> bool:
        return self.fired_after is not None and self.cleared_after is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One scenario as it went."""

    scenario: Scenario
    sights: list[Sight]
    also_fired: set[str]


async def play(scenario: Scenario, stage: Stage, *, factor: int) -> Played:
    """Takes as long as the alerts take to come and go, and at most a few minutes each."""
    sights = {alert: Sight(alert=alert) for alert in sorted(scenario.alerts)}
    await _wait_until(stage, lambda firing: not firing, _CLEAR_SECONDS)
    seen: set[str] = set()
    began = time.monotonic()

    def all_fired(firing: set[str]) -> bool:
        seen.update(firing)
        for alert in firing & scenario.alerts:
            sights[alert].fired_after = sights[alert].fired_after or time.monotonic() - began
        return all(sight.fired_after is not None for sight in sights.values())

    async with scenario.broken(stage):
        await _wait_until(stage, all_fired, _FIRE_SECONDS)
        for sight in sights.values():
            sight.looked_at = await asyncio.to_thread(_look, stage, sight.alert, factor)
    mended = time.monotonic()

    def all_cleared(firing: set[str]) -> bool:
        seen.update(firing)
        for sight in sights.values():
            if sight.alert in firing:
                sight.cleared_after = None
            elif sight.fired_after is not None and sight.cleared_after is None:
                sight.cleared_after = time.monotonic() - mended
        return all(sight.cleared_after is not None for sight in sights.values() if sight.fired_after is not None)

    await _wait_until(stage, all_cleared, _CLEAR_SECONDS)
    return Played(scenario=scenario, sights=list(sights.values()), also_fired=seen - scenario.alerts)


def runbook_queries(alert: str) -> list[str]:
    """The PromQL of its runbook, in order."""
    blocks = re.findall(r"```promql\n(.*?)```", (RUNBOOKS / f"{alert}.md").read_text(), re.DOTALL)
    return [block.strip() for block in blocks]


async def _wait_until(stage: Stage, happened: Callable[[set[str]], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = await asyncio.to_thread(stage.prometheus.query, _FIRING)
        if happened({sample["metric"]["alertname"] for sample in found}):
            return
        await asyncio.sleep(_POLL_SECONDS)


def _look(stage: Stage, alert: str, factor: int) -> list[tuple[str, str]]:
    return [(query, _shown(stage, runbook_query(query, factor))) for query in runbook_queries(alert)]


def _shown(stage: Stage, query: str) -> str:
    samples = stage.prometheus.query(query)
    series = [(_labels(sample.get("metric", {})), float(sample["value"][1])) for sample in samples]
    largest = sorted((one for one in series if one[1] == one[1]), key=lambda one: -one[1])[:4]
    return "; ".join(f"{labels}{value:.3g}" for labels, value in largest) or "nothing"


def _labels(metric: dict[str, str]) -> str:
    told = [value for name, value in sorted(metric.items()) if name not in {"__name__", "job", "instance", "slo"}]
    return f"{' '.join(told)} " if told else ""
