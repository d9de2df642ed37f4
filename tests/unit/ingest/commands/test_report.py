"""The summary of a run names what is missing from documents."""

import json

from ingest.commands.report import Summary
from ingest.pipeline.preparation import IngestResult
from rag.parsing_warnings import ParsingWarning

SCANNED = ParsingWarning(code="page_without_text", message="Pages are images.", count=4, place="pages 2 to 5")
COUNTED = ParsingWarning(code="dropped_object", message="1,200 pictures are not read.", count=1_200)
GUESSED = ParsingWarning(code="guessed_encoding", message="It fits several encodings.")


def summary_of(*results: IngestResult) -> Summary:
    summary = Summary()
    for result in results:
        summary.add(result)
    return summary


def test_each_document_with_warnings_is_named_and_counted_by_code():
    summary = summary_of(
        IngestResult(uri="a.pdf", status="new", chunks=1, warnings=(SCANNED, GUESSED)),
        IngestResult(uri="b.pdf", status="unchanged", warnings=(SCANNED,)),
        IngestResult(uri="c.txt", status="new", chunks=1),
        IngestResult(uri="d.txt", status="changed", warnings=(GUESSED,)),
    )
    lines = summary.to_text(dry_run=False).splitlines()
    assert lines[0] == "  a.pdf: Pages are images. (4 times; pages 2 to 5) It fits several encodings."
    assert "2 ready with gaps: page_without_text 2" in lines
    assert "2 ready but possibly misread: guessed_encoding 2" in lines
    scanned = {"code": "page_without_text", "message": "Pages are images.", "count": 4, "place": "pages 2 to 5"}
    assert json.loads(summary.to_json())["warnings"][1] == {
        "uri": "b.pdf",
        "warnings": [scanned | {"loses_text": True}],
    }


def test_a_count_is_said_once():
    assert SCANNED.to_text() == "Pages are images. (4 times; pages 2 to 5)"
    assert COUNTED.to_text() == "1,200 pictures are not read."
    assert GUESSED.to_text() == "It fits several encodings."


def test_the_list_of_documents_with_warnings_is_bounded():
    results = [IngestResult(uri=f"{number}.pdf", status="new", warnings=(SCANNED,)) for number in range(1_000)]
    lines = summary_of(*results).to_text(dry_run=False).splitlines()
    assert lines[20] == "  … and 980 more; --json lists all of them"
    assert "1,000 ready with gaps: page_without_text 1,000" in lines


def test_an_empty_document_is_counted_and_changes_the_collection_only_if_it_had_text():
    summary = summary_of(IngestResult(uri="a.md", status="empty"))
    assert "1 documents: 0 new, 0 changed, 0 unchanged, 0 rejected, 1 empty" in summary.to_text(dry_run=False)
    assert (json.loads(summary.to_json())["empty"], summary.changes_collection) == (["a.md"], False)
    assert summary_of(IngestResult(uri="a.md", status="empty", removes_version=True)).changes_collection
