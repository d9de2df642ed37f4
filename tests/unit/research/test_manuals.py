"""The sets of questions about other manuals are whole, and are written beside their documents."""

import json
from collections import Counter

import pytest

from evals.answers.gold import OWN_DOCUMENTS, read_question_set
from rag.errors import InvalidInput
from research.manuals import documents
from research.manuals.documents import MANUALS, QUESTIONS, REPOSITORIES, build

NAMES = [*MANUALS, *REPOSITORIES]


@pytest.mark.parametrize("name", NAMES)
def test_each_question_has_an_id_of_its_own_and_its_passages_unless_it_has_no_answer(name):
    rows = [json.loads(line) for line in (QUESTIONS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    assert max(Counter(row["id"] for row in rows).values()) == 1
    assert {bool(row["passages"]) == (row["kind"] != "unanswerable") for row in rows} == {True}
    assert all(row["id"].startswith(f"{name}-") for row in rows)


def test_a_set_has_the_pages_of_the_repository_that_the_own_set_does_not_have(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MANUALS", {})
    own = next(OWN_DOCUMENTS.rglob("*.md"))
    pages = tmp_path / "docs" / "fastapi" / "docs"
    pages.mkdir(parents=True)
    (pages / "body.md").write_text("# Body\n\nA body.")
    (pages / "release-notes.md").write_text("# Changes")
    (pages / own.name).write_bytes(own.read_bytes())
    assert build(tmp_path / "sets", tmp_path / "docs") == ["fastapi"]
    written = read_question_set(str(tmp_path / "sets" / "fastapi"))
    assert [page.id for page in written.documents] == ["body.md"]
    assert len(written.questions) == 62


def test_without_a_manual_the_packages_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MANUALS", {})
    with pytest.raises(InvalidInput, match="Install pandoc"):
        build(tmp_path, None)
