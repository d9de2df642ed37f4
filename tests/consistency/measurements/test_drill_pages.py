"""The committed pages of the drills match the programs that write them."""

import re
from pathlib import Path

from tests.drills.gameday import report as gameday
from tests.drills.gameday.runner import runbook_queries
from tests.drills.gameday.scenarios import SCENARIOS
from tests.drills.rolling import report as rolling

MEASUREMENTS = Path(__file__).parents[3] / "docs" / "measurements"
GAME_DAY = (MEASUREMENTS / "game-day.md").read_text()
ROLLING = (MEASUREMENTS / "rolling-updates.md").read_text()


def test_the_game_day_page_has_every_scenario_and_its_alerts():
    assert GAME_DAY.startswith(gameday.INTRODUCTION)
    sections = dict(re.findall(r"(?ms)^## (.+?)\n(.+?)(?=^## |\Z)", GAME_DAY))
    assert set(sections) == {scenario.title for scenario in SCENARIOS}
    for scenario in SCENARIOS:
        section = sections[scenario.title]
        assert f"Fault: {scenario.fault}.\nFix: {scenario.fix}.\n" in section
        assert set(re.findall(r"The queries of \[(\w+)\]", section)) == scenario.alerts


def test_the_game_day_page_has_the_queries_of_the_runbooks():
    for alert, table in re.findall(r"(?s)The queries of \[(\w+)\].*?\n\n(.*?)(?=\n\n|\Z)", GAME_DAY):
        queries = [query.replace("\\|", "|") for query in re.findall(r"(?m)^\| `(.+?)` \|", table)]
        assert queries == [" ".join(query.split()) for query in runbook_queries(alert)]


def test_the_page_on_rolling_updates_has_the_text_of_its_program():
    for part in (rolling.INTRODUCTION, rolling.ROLLING, rolling.KILLING, rolling.LEGEND):
        assert part in ROLLING
