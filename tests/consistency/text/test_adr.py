"""Every architecture decision has the same sections, and the index lists it."""

import re
from pathlib import Path

import pytest

from tests.support.shipped.manifests import ROOT

FOLDER = ROOT / "docs" / "adr"
DECISIONS = sorted(FOLDER.glob("[0-9]*.md"))
SECTIONS = ["Context", "Decision", "Consequences", "Alternatives measured", "Code"]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_every_section_in_order(path: Path):
    text = path.read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert re.search(r"^- Status: (accepted|superseded by \d+)$", text, re.MULTILINE)
    assert re.search(r"^- Date: \d{4}-\d\d-\d\d(, revised .+)?$", text, re.MULTILINE)


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_the_index_lists_a_decision_with_its_title_status_and_date(path: Path):
    text = path.read_text()
    number, title = re.match(r"# (\d+)\. (.+)", text).groups()
    assert int(number) == int(path.name[:4])
    status = re.search(r"^- Status: (.+)$", text, re.MULTILINE)[1]
    date = re.search(r"^- Date: (\d{4}-\d\d-\d\d)", text, re.MULTILINE)[1]
    assert f"| [{number}]({path.name}) | {title} | {status} | {date} |" in (FOLDER / "README.md").read_text()
