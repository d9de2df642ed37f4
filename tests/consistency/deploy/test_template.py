"""docs/template.md and `make template` fit the project as it is."""

import pytest

from deploy.template import listed_parts
from tests.support.template import ROOT, extensions


@pytest.mark.parametrize(("title", "edits"), extensions().items(), ids=extensions())
def test_each_edit_of_the_guide_fits_the_file_that_it_names(tmp_path, title, edits):
    for edit in edits:
        copy = tmp_path / edit.path
        if not copy.exists() and (ROOT / edit.path).exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text((ROOT / edit.path).read_text())
        copy.parent.mkdir(parents=True, exist_ok=True)
        edit.apply(tmp_path)
        assert edit.text in copy.read_text(), title


def test_the_guide_shows_the_edits_of_four_extensions():
    assert {"Add a format", "Add a metric with a panel", "Add a route", "Add a prompt"} <= extensions().keys()


def test_every_optional_part_exists_or_has_been_removed():
    missing = [path for path in listed_parts() if not (ROOT / path).exists()]
    assert missing in ([], listed_parts())
