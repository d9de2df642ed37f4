"""`python -m ingest remove`, as an operator runs it."""

import json
import shutil
from pathlib import Path

import pytest

from rag.errors import InvalidInput
from tests.support.commands import read_json, run_command
from tests.support.programs import ingest

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "docs"
    for name in ("a.md", "old/b.md", "old/deep/c.md", "older/d.md"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n\nThis page is called {name}.")
    (folder / "records.jsonl").write_text('{"id": "one", "text": "First.", "uri": "https://example.org/1"}\n')
    return folder


def removed(*arguments: str, data_dir: Path) -> list[str]:
    result = read_json("remove", *arguments, data_dir=data_dir)
    assert result["removed"] == len(result["documents"])
    return [document["uri"] for document in result["documents"]]


def test_documents_of_a_folder_a_record_file_and_a_prefix_are_removed(folder, data_dir):
    documents = [str(folder), str(folder / "records.jsonl")]
    assert ingest("run", *documents, "--ignore", "*.jsonl", "--tenant", "acme", data_dir=data_dir).returncode == 0
    shutil.rmtree(folder / "old")
    old = [(folder / "old" / name).as_uri() for name in ("b.md", "deep/c.md")]

    ours = ("--tenant", "acme")

    assert removed(str(folder / "old"), data_dir=data_dir) == []
    assert removed(str(folder / "old"), *ours, "--dry-run", data_dir=data_dir) == old
    assert removed(str(folder / "old"), *ours, data_dir=data_dir) == old
    assert removed(str(folder / "old"), *ours, data_dir=data_dir) == []
    assert removed(str(folder / "records.jsonl"), *ours, data_dir=data_dir) == ["https://example.org/1"]
    prefix = (folder / "o").as_uri()
    assert removed("--uri-prefix", prefix, *ours, data_dir=data_dir) == [(folder / "older/d.md").as_uri()]

    status = json.loads(ingest("status", "--json", data_dir=data_dir).stdout)
    assert status["documents"] == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "Nothing to remove"),
        (("--uri-prefix", ""), "--uri-prefix is empty"),
        (("docs", "--uri-prefix", "file:"), "exclude each other"),
        (("",), "The name of a source is empty"),
        (("-",), "Standard input"),
    ],
)
def test_a_removal_without_a_clear_target_is_refused(arguments, expected, tmp_path):
    with pytest.raises(InvalidInput, match=expected):
        run_command("remove", *arguments, data_dir=tmp_path)
