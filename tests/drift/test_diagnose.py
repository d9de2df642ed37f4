"""The page that leads from a symptom to its cause names what there is."""

import re

import pytest

from tests.drift.expressions import DASHBOARDS, boards, rules
from tests.drift.test_dashboards import emitted

PAGE = (DASHBOARDS.parent / "docs" / "diagnose.md").read_text()
_SERIES = r"\b(?:rag|process)_[a-z_]+[a-z]\b|\bfeature:\w+:\w+"


def test_every_metric_that_it_names_is_emitted_or_recorded():
    known = emitted() | {rule["record"] for _, rule in rules() if "record" in rule}
    named = set(re.findall(rf"(?:`|\()({_SERIES})", PAGE))
    assert len(named) > 30
    assert named <= known


def test_every_panel_that_it_names_is_on_that_dashboard():
    titles = {
        f"{board['title'].removeprefix('Groundwork / ')} / {panel['title']}"
        for board in boards().values()
        for panel in board["panels"]
    }
    named = set(re.findall(r"\*([^*|\n]+ / [^*|\n]+)\*", PAGE))
    assert len(named) > 15
    assert named <= titles


@pytest.mark.parametrize("symptom", re.findall(r"(?m)^## (.+)$", PAGE))
def test_every_row_leads_from_what_is_seen_by_a_metric_to_a_cause_and_a_fix(symptom):
    section = PAGE.partition(f"## {symptom}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 4
    for row in rows:
        assert len(row) == 4
        assert re.search(_SERIES, row[1])
        assert all(cell.strip() for cell in row)
