"""Data sets are read from a folder, or downloaded once by name and verified."""

import hashlib
import io
import json
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from evals.datasets import find_dataset, read_answers, read_dataset
from rag.errors import BadResponse, InvalidInput, Unavailable


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "pumps"
    (target / "qrels").mkdir(parents=True)
    lines = [{"_id": "d1", "title": "Pump", "text": "It hums.\u2028Loudly."}, {"_id": "d2", "text": "  ", "title": ""}]
    (target / "corpus.jsonl").write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    questions = [{"_id": name, "text": f"Question {name}?"} for name in ("q2", "q1", "q3")]
    (target / "queries.jsonl").write_text("\n".join(map(json.dumps, questions)) + "\n")
    head = "query-id\tcorpus-id\tscore\n"
    (target / "qrels" / "test.tsv").write_text(f"{head}q1\td1\t2\nq2\td1\t-1\nq2\td2\t1\nq3\td1\t0\n")
    (target / "qrels" / "train.tsv").write_text(f"{head}q3\td1\t1\n")
    return target


@contextmanager
def served(folder):
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def zipped(folder) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*.*")):
            archive.write(path, path.relative_to(folder.parent))
    return target.getvalue()


def test_documents_judged_not_relevant_are_left_out(folder):
    dataset = read_dataset(folder)
    assert dataset.relevant == {"q1": {"d1": 2}, "q2": {"d2": 1}}
    assert list(dataset.questions) == ["q2", "q1"]


def test_unicode_separators_are_kept_and_empty_documents_left_out(folder):
    [document] = read_dataset(folder).documents
    assert (document.id, document.text) == ("d1", "It hums.\u2028Loudly.")


def test_a_split_is_chosen_by_name(folder):
    dataset = read_dataset(folder, split="train")
    assert (dataset.split, list(dataset.questions)) == ("train", ["q3"])
    with pytest.raises(InvalidInput, match=r"dev\.tsv"):
        read_dataset(folder, split="dev")


def test_malformed_data_sets_are_rejected_with_the_reason(folder):
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1 d1 1\n")
    with pytest.raises(InvalidInput, match="line 2"):
        read_dataset(folder)
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq9\td1\t1\n")
    with pytest.raises(InvalidInput, match="q9"):
        read_dataset(folder)
    with pytest.raises(InvalidInput, match=r"qrels/test\.tsv"):
        read_dataset(folder.parent)
    with pytest.raises(InvalidInput, match="with answers"):
        read_answers(folder)


def test_gold_answers_are_read_with_their_questions(folder):
    (folder / "answers.json").write_text(json.dumps({"q1": ["loudly", "it hums"]}))
    [question] = read_answers(folder)
    assert (question.text, question.gold) == ("Question q1?", ["loudly", "it hums"])


def test_a_named_data_set_is_downloaded_once(folder, tmp_path):
    archive = zipped(folder)
    (tmp_path / "pumps.zip").write_bytes(archive)
    known = {"pumps": hashlib.md5(archive).hexdigest()}
    cache = tmp_path / "cache"
    with served(tmp_path) as home:
        found = find_dataset("pumps", cache=cache, home=home, known=known)
    assert read_dataset(found).relevant == read_dataset(folder).relevant
    assert find_dataset("pumps", cache=cache, home=home, known=known) == found
    assert [path.name for path in cache.iterdir()] == ["pumps"]


def test_a_download_with_a_wrong_checksum_is_deleted(folder, tmp_path):
    (tmp_path / "pumps.zip").write_bytes(zipped(folder))
    with served(tmp_path) as home, pytest.raises(BadResponse, match="md5"):
        find_dataset("pumps", cache=tmp_path / "cache", home=home, known={"pumps": "0" * 32})
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_unknown_name_and_a_missing_network_are_reported(tmp_path):
    with pytest.raises(InvalidInput, match="scifact"):
        find_dataset("no-such-set", cache=tmp_path)
    with pytest.raises(Unavailable):
        find_dataset("pumps", cache=tmp_path, home="http://127.0.0.1:9", known={"pumps": ""})
