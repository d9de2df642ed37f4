"""The diagnosis page names existing panels and sections. `test_dashboards.py` checks its queries."""

import re

import pytest

from tests.support.shipped.expressions import DIAGNOSIS, boards, diagnosis_expressions

PAGE = DIAGNOSIS.read_text()
SYMPTOMS = re.findall(r"(?m)^## (?!One answer)(.+)$", PAGE)
# A query or command, a panel, or the page's explanation of an answer.
_CHECK = r"`[^`]+`|\*[^*|]+ / [^*|]+\*|\"Details\""


def test_the_page_has_more_than_forty_queries():
    assert len(diagnosis_expressions()) > 40


def test_every_panel_that_the_page_names_exists():
    named = set(re.findall(r"\*([^*|\n]+ / [^*|\n]+)\*", PAGE))
    assert len(named) > 15
    assert named <= {
        f"{board['title'].removeprefix('Groundwork / ')} / {panel['title']}"
        for board in boards().values()
        for panel in board["panels"]
    }


def test_the_contents_list_links_every_symptom():
    contents = PAGE.partition("\n## ")[0]
    assert re.findall(r"\| \[([^\]]+)\]\(#", contents) == SYMPTOMS


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_every_row_has_a_symptom_a_check_a_cause_and_a_fix(symptom):
    section = PAGE.partition(f"## {symptom}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 4
    for row in rows:
        assert len(row) == 4
        assert all(cell.strip() for cell in row)
        assert re.search(_CHECK, row[1]), row[1]
