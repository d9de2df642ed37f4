"""Which file names can be ids."""

import pytest

from rag.errors import InvalidInput
from service.documents.names import to_document_id


@pytest.mark.parametrize(
    "name",
    [
        "日本.md",
        "C++",
        "C#.md",
        "Q&A 100% (2).md",
        "Ελληνικά.txt",
        "مرحبا.md",
        "👩‍🔬 notes.md",
        ".env.md",
        "a" * 255,
        "it's “quoted”.md",
    ],
)
def test_a_file_name_in_any_script_is_kept(name):
    assert to_document_id(name) == name


def test_both_unicode_forms_of_a_name_are_the_same_id():
    assert to_document_id("Cafe\u0301.md") == to_document_id("Caf\u00e9.md") == "Caf\u00e9.md"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "no name"),
        (" \u3000", "no name"),
        (".", "path"),
        ("..", "path"),
        ("../secret.md", "path"),
        ("a/b.md", "path"),
        ("C:\\a.md", "path"),
        ("a\nb.md", "control character"),
        ("a\x00.md", "control character"),
        ("a\u2028b.md", "control character"),
        ("a\ud800.md", "control character"),
        ("\ufffd.md", "UTF-8"),
        ("a" * 256, "longer than 255"),
    ],
)
def test_a_name_that_cannot_be_an_id_is_refused_with_a_sentence(name, reason):
    with pytest.raises(InvalidInput, match=reason):
        to_document_id(name)
