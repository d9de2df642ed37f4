"""The README is short, and what it names exists. `tests/e2e/test_readme.py` runs its commands."""

import re
from pathlib import Path

from tests.support.shipped.markdown import links_of

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150
    assert len(README.split()) <= 900


def test_the_readme_lists_twelve_features_each_with_a_link():
    (section,) = re.findall(r"(?s)## What you get\n(.*?)\n## ", README)
    bullets = re.findall(r"(?m)^- .*$", section)
    assert len(bullets) == 12
    assert all(links_of(bullet) for bullet in bullets)


def test_the_readme_has_six_measured_rows_with_one_number_each():
    (section,) = re.findall(r"(?s)## Measured\n(.*?)\n## ", README)
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) == 6
    for _, number, command in rows:
        assert re.fullmatch(r"[\d.]+( (s|%))?", number)
        assert re.fullmatch(r"`[^`]+`", command)
