"""`python -m tests.drills.gameday`: provoke every alert and report whether it fires and resolves (15 minutes)."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.drills.gameday.report import HOURS_PER_DAY, to_markdown
from tests.drills.gameday.runner import ScenarioResult, run_scenario
from tests.drills.gameday.scenarios import SCENARIOS, Scenario
from tests.drills.gameday.stage import open_stage
from tests.support.servers.prometheus_server import PROMETHEUS


def main() -> int:
    arguments = _parse_arguments()
    if PROMETHEUS is None:
        sys.stderr.write("Prometheus is not installed. On Debian: apt-get install prometheus\n")
        return 1
    results = asyncio.run(_run(arguments.only, factor=arguments.factor))
    report = to_markdown(results, factor=arguments.factor)
    if arguments.report:
        arguments.report.parent.mkdir(parents=True, exist_ok=True)
        arguments.report.write_text(report, encoding="utf-8")
    else:
        sys.stdout.write(report)
    return 0 if all(alert.complete for result in results for alert in result.alerts) else 1


async def _run(only: str, *, factor: int) -> list[ScenarioResult]:
    selected = [scenario for scenario in SCENARIOS if only.lower() in scenario.title.lower()]
    hours = [scenario for scenario in selected if not scenario.covers_a_day]
    days = [scenario for scenario in selected if scenario.covers_a_day]
    return [
        *(await _run_on_one_stage(hours, factor=factor)),
        *(await _run_on_one_stage(days, factor=factor * HOURS_PER_DAY, with_reference=True)),
    ]


async def _run_on_one_stage(
    scenarios: Sequence[Scenario], *, factor: int, with_reference: bool = False
) -> list[ScenarioResult]:
    results: list[ScenarioResult] = []
    if not scenarios:
        return results
    with tempfile.TemporaryDirectory(prefix="gameday-") as folder:
        async with open_stage(Path(folder), factor=factor, with_reference=with_reference) as stage:
            for scenario in scenarios:
                sys.stderr.write(f"{scenario.title} …\n")
                results.append(await run_scenario(scenario, stage, factor=factor))
                for alert in results[-1].alerts:
                    sys.stderr.write(f"  {alert.alert}: fired {alert.fired_after}, resolved {alert.resolved_after}\n")
            return results


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drills.gameday", description=__doc__)
    parser.add_argument("--report", type=Path, help="Markdown file to write (default: print the page)")
    parser.add_argument(
        "--factor", type=int, default=60, help="divide all durations of the rules by this (default: %(default)s)"
    )
    parser.add_argument(
        "--only", default="", metavar="WORDS", help="run only scenarios with these words in their title"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
