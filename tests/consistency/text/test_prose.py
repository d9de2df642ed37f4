"""The project's text follows the writing rules of CONTRIBUTING.md."""

from pathlib import Path

import pytest

from tests.support.prose import findings, project_files, word_findings


@pytest.mark.parametrize("folder", sorted({path.parts[0] for path in project_files()}))
def test_text_avoids_words_that_hide_actor_and_thing(folder):
    found = [str(finding) for path in project_files([Path(folder)]) for finding in findings(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "Whoever sends it waits.",
        "Nobody reads this.",
        "It is ingested anew.",
        "The answer is none.",
        "This is no valid key.",
        "# This is\n# no valid key.",
        "What is staged stays.",
    ],
)
def test_a_sentence_of_the_old_style_is_found(text):
    assert [finding.line for finding in word_findings(Path("a.md"), text)] == [1]


@pytest.mark.parametrize("text", ["There is no such key.", "There\nare no keys.", "It is not a valid key.", "A note."])
def test_a_plain_sentence_is_not_found(text):
    assert not list(word_findings(Path("a.md"), text))
