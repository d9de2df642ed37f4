import pytest

from ingest.sources.base import Rejection
from ingest.sources.json_lines import JsonLinesSource
from tests.support.fetching import fetch_all


@pytest.mark.parametrize(
    ("line", "reason", "kept"),
    [
        ('{"id": "b", "text": "cut of', "not valid JSON", ["b"]),
        ('{"id": "b\\u00e9/1", "title": "no text"}', "it has no field text", ["bé/1"]),
        ('{"_id": 7, "text": ["x"]}', "its field text is not a string", ["7"]),
        ("gibberish", "not valid JSON", ["b", "bé/1", "7", "other"]),
        ('{"id": "b', "not valid JSON", ["b", "bé/1", "7", "other"]),
        ('{"text": "without id",', "not valid JSON", ["b", "bé/1", "7", "other"]),
    ],
)
async def test_a_bad_line_is_rejected_with_its_number_and_only_its_document_is_kept(tmp_path, line, reason, kept):
    path = tmp_path / "records.jsonl"
    path.write_text(f'{{"id": "a", "text": "First."}}\n{line}\n{{"id": "c", "text": "Third."}}\n')
    source = JsonLinesSource(path, max_bytes=1_000)

    first, rejection, third = await fetch_all(source)

    assert not isinstance(first, Rejection)
    assert not isinstance(third, Rejection)
    assert isinstance(rejection, Rejection)
    assert rejection.reason.startswith(f"line 2: {reason}")
    uris = {"b": "b", "bé/1": "b%C3%A9%2F1", "7": "7", "other": "other"}
    assert [key for key, part in uris.items() if not await source.is_gone(f"{path.as_uri()}#{part}")] == kept
