"""The evaluation of retrieval over the product's own ingestion and search."""

import json

import pytest

from evals.program import build_parser
from service.settings import Settings
from tests.support.programs import evals

pytestmark = pytest.mark.slow

TEXTS = {
    "pump": "The Kestrel pump moves cooling water; its impeller lasts 4,000 hours.",
    "canteen": "The canteen serves pancakes every Thursday.",
    "gate": "Visitors park behind hall 7, and the gate closes at ten.",
}
QUESTIONS = {"q1": ("How long does the impeller of the pump last?", "pump"), "q2": ("pancakes", "canteen")}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "qrels").mkdir()
    corpus = [{"_id": name, "title": name.title(), "text": text} for name, text in TEXTS.items()]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    queries = [{"_id": name, "text": text} for name, (text, _) in QUESTIONS.items()]
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    judged = "".join(f"{name}\t{document}\t1\n" for name, (_, document) in QUESTIONS.items())
    (tmp_path / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return tmp_path


@pytest.mark.parametrize("more", [(), ("--chunks",)])
def test_every_mode_reports_perfect_results_in_a_table_and_in_json(folder, data_dir, more, capsys):
    target = folder / "out.json"
    flags = ("--modes", "dense,bm25,hybrid", "--json", str(target), *more)
    arguments = build_parser().parse_args(["retrieval", str(folder), *flags])
    arguments.run(arguments, Settings(data_dir=data_dir))
    results = json.loads(target.read_text())
    assert list(results) == ["dense", "bm25", "hybrid"]
    for result in results.values():
        assert (result["nDCG@10"], result["R@100"], result["MRR@10"], result["questions"]) == (1, 1, 1, 2)
        assert result["intervals"]["nDCG@10"] == [1, 1]
        assert result["latency_p50"] > 0
    table = capsys.readouterr().out
    assert "| hybrid | 2 | 1.0000 |" in table
    assert "hybrid against bm25, nDCG@10: +0.0000" in table


def test_a_folder_that_is_not_a_data_set_is_reported_in_one_line(tmp_path, data_dir):
    done = evals("retrieval", str(tmp_path), data_dir=data_dir)
    assert (done.returncode, done.stdout) == (1, "")
    assert "qrels/test.tsv" in done.stderr
