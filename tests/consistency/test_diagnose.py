"""The page that leads from a symptom to its cause names what there is; `test_dashboards.py` reads its queries."""

import re

import pytest

from tests.support.expressions import DIAGNOSIS, boards, diagnosis_expressions

ROOT = DIAGNOSIS.parents[1]
PAGE = DIAGNOSIS.read_text()
# A query or a command, a panel, or a part of the page.
_PLACE = r"`[^`]+`|\*[^*|]+ / [^*|]+\*|\"Why this answer\?\"|\"What the model read\""


def test_most_rows_have_a_query():
    assert len(diagnosis_expressions()) > 40


def test_every_panel_that_it_names_is_on_that_dashboard():
    named = panels()
    assert len(named) > 15
    assert named <= {
        f"{board['title'].removeprefix('Groundwork / ')} / {panel['title']}"
        for board in boards().values()
        for panel in board["panels"]
    } | {f"Operate / {title}" for title in graphs_of_the_page()}


def graphs_of_the_page() -> list[str]:
    page = ROOT / "service" / "page"
    drawn = re.findall(r'title: "([^"]+)"', (page / "operate" / "panels.js").read_text())
    return [*drawn, *re.findall(r'<span id="drift-title">([^<]+)</span>', (page / "index.html").read_text())]


def panels() -> set[str]:
    return set(re.findall(r"\*([^*|\n]+ / [^*|\n]+)\*", PAGE))


@pytest.mark.parametrize("symptom", re.findall(r"(?m)^## (?!One answer)(.+)$", PAGE))
def test_every_row_leads_from_what_is_seen_by_a_look_to_a_cause_and_a_fix(symptom):
    section = PAGE.partition(f"## {symptom}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 4
    for row in rows:
        assert len(row) == 4
        assert all(cell.strip() for cell in row)
        assert re.search(_PLACE, row[1]), row[1]
