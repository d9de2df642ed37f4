"""The comparison of extractors counts words, not layout."""

import shutil

import pytest

from research.extraction.measurement import FileResult, Skipped, measure
from research.extraction.report import by_format
from research.extraction.words import words_of


def test_words_are_compared_without_hyphens_ligatures_and_case():
    assert words_of("The infor-\nmation of the o\ufb03ce") == words_of("the INFORMATION of the office")
    assert words_of("e\u00admail") == words_of("E-mail")


def test_chinese_is_compared_by_character():
    assert words_of("北京大学") == words_of("北京\n大学")


@pytest.mark.skipif(shutil.which("pandoc") is None, reason="pandoc is not installed")
def test_missing_words_are_counted_and_a_rejected_file_is_not_compared(tmp_path):
    (tmp_path / "a.md").write_text("# One\n\ntwo three\n\n## Four\n\nfive\n\n## Six\n\nseven")
    (tmp_path / "b.md").write_bytes(b"%PDF-1.7")
    results = list(measure(sorted(tmp_path.iterdir())))

    complete, rejected = results
    assert isinstance(complete, FileResult)
    assert (complete.words, complete.found, complete.missing) == (7, 7, ())
    assert isinstance(rejected, Skipped)
    [row] = by_format(results)
    assert (row.files, row.mean_recall, row.silent_losses, row.skipped) == (1, 1.0, 0, 1)
