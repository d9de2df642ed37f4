"""The generated pages of docs/reference say what the code says."""

import pytest

from rag.variables import NAMES_FILE
from tests.support.reference.pages import FOLDER, render_pages
from tests.support.reference.settings import all_rows, render_names


@pytest.fixture(scope="module")
def rendered() -> dict[str, str]:
    return render_pages()


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.md")))
def test_a_reference_page_is_what_the_code_says(rendered, name):
    assert (FOLDER / name).read_text() == rendered[name], "The page is stale. Run: make reference"


def test_each_program_knows_the_names_of_both_programs():
    assert NAMES_FILE.read_text() == render_names(), "The list is stale. Run: make reference"


def test_every_setting_has_a_description():
    # A `kind` selects an alternative, which the page describes by itself.
    missing = {row.variable for row in all_rows() if not row.description and not row.variable.endswith("__KIND")}
    assert not missing


def test_every_generated_page_is_in_the_repository(rendered):
    assert set(rendered) == {path.name for path in FOLDER.glob("*.md")}
