"""The results of a game day as a Markdown page."""

from collections.abc import Sequence

from tests.drills.gameday.runner import AlertResult, ScenarioResult

HOURS_PER_DAY = 24
INTRODUCTION = """# Game day

`python -m tests.drills.gameday --report docs/measurements/game-day.md` writes this page.
It provokes every alert once, without an operator.
The service, the worker and Prometheus with the shipped rules are real.
The language model and the Qdrant server are stand-ins with the real protocols, and the users are simulated.
"""
_CLOCK = """
Every window, delay and age in the rules is divided by {factor}: 5 minutes become {seconds} s.
Windows below 4 s become 4 s. Nothing else in the rules changes.
With the shipped rules an alert takes up to {factor} times as long.
Rules that cover a whole day run another {hours} times faster, with a reference made from these users' questions.

The last column lists all other alerts that Prometheus fired.
Alertmanager would suppress those that a missing service or worker explains, but it is not part of this drill.
`EventLoopBlocked` appears if the machine was busy with other work.
"""


def to_markdown(results: Sequence[ScenarioResult], *, factor: int) -> str:
    alerts = [alert for result in results for alert in result.alerts]
    complete = sum(alert.complete for alert in alerts)
    lines = [
        INTRODUCTION + _CLOCK.format(factor=factor, hours=HOURS_PER_DAY, seconds=f"{300 / factor:g}"),
        f"**{complete} of {len(alerts)} alerts fired during the fault and resolved after the fix.**",
        "",
        "| scenario | alert | fired after | resolved after the fix | other alerts |",
        "|---|---|---|---|---|",
        *(_row(result, alert) for result in results for alert in result.alerts),
    ]
    for result in results:
        lines += ["", f"## {result.scenario.title}", ""]
        lines += [f"Fault: {result.scenario.fault}.", f"Fix: {result.scenario.fix}."]
        for alert in result.alerts:
            lines += ["", f"The queries of {_runbook(alert)} during the fault:", ""]
            lines += ["| query | result |", "|---|---|"]
            lines += [f"| `{_one_cell(query)}` | {shown} |" for query, shown in alert.query_results]
    return "\n".join(lines) + "\n"


def _row(result: ScenarioResult, alert: AlertResult) -> str:
    others = ", ".join(sorted(result.other_alerts)) or "none"
    times = f"{_time(alert.fired_after)} | {_time(alert.resolved_after)}"
    return f"| {result.scenario.title} | {_runbook(alert)} | {times} | {others} |"


def _runbook(alert: AlertResult) -> str:
    return f"[{alert.alert}](../operations/runbooks/{alert.alert}.md)"


def _one_cell(query: str) -> str:
    """Return the query on one line, with escaped bars, which would end the cell of a table."""
    return " ".join(query.split()).replace("|", "\\|")


def _time(seconds: float | None) -> str:
    return "**not seen**" if seconds is None else f"{seconds:.0f} s"
