"""`python -m tests.drills.gameday`: breaks everything once and writes what it saw; about a quarter of an hour."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.drills.gameday.playing import Played, play
from tests.drills.gameday.report import HOURS_OF_A_DAY, to_markdown
from tests.drills.gameday.scenarios import SCENARIOS, Scenario
from tests.drills.gameday.stage import open_stage
from tests.support.prometheus_server import PROMETHEUS


def main() -> int:
    arguments = _parse_arguments()
    if PROMETHEUS is None:
        sys.stderr.write("A game day needs Prometheus, such as Debian's package: apt-get install prometheus\n")
        return 1
    played = asyncio.run(_play(arguments.only, factor=arguments.factor))
    report = to_markdown(played, factor=arguments.factor)
    if arguments.report:
        arguments.report.write_text(report, encoding="utf-8")
    else:
        sys.stdout.write(report)
    return 0 if all(sight.complete for one in played for sight in one.sights) else 1


async def _play(only: str, *, factor: int) -> list[Played]:
    chosen = [scenario for scenario in SCENARIOS if only.lower() in scenario.title.lower()]
    of_hours = [scenario for scenario in chosen if not scenario.looks_at_days]
    of_days = [scenario for scenario in chosen if scenario.looks_at_days]
    return [
        *(await _play_on_one_stage(of_hours, factor=factor)),
        *(await _play_on_one_stage(of_days, factor=factor * HOURS_OF_A_DAY, with_reference=True)),
    ]


async def _play_on_one_stage(
    scenarios: Sequence[Scenario], *, factor: int, with_reference: bool = False
) -> list[Played]:
    played: list[Played] = []
    if not scenarios:
        return played
    with tempfile.TemporaryDirectory(prefix="gameday-") as folder:
        async with open_stage(Path(folder), factor=factor, with_reference=with_reference) as stage:
            for scenario in scenarios:
                sys.stderr.write(f"{scenario.title} …\n")
                played.append(await play(scenario, stage, factor=factor))
                for sight in played[-1].sights:
                    sys.stderr.write(f"  {sight.alert}: fired {sight.fired_after}, cleared {sight.cleared_after}\n")
            return played


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drills.gameday", description=__doc__)
    parser.add_argument("--report", type=Path, help="Markdown file to write; without it the page goes to the terminal")
    parser.add_argument("--factor", type=int, default=60, help="how much quicker the rules' clock is (%(default)s)")
    parser.add_argument("--only", default="", metavar="WORDS", help="only scenarios with these words in their title")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
