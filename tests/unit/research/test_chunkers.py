"""The chunking benchmark reproduces the published scores and detects a chunker that loses text."""

import json

import numpy as np
import pytest

from rag.embedding.tokenizer import build_tokenizer
from rag.errors import InvalidInput
from rag.settings import LocalEmbedderSettings
from rag.types import EmbedderIdentity
from research.chunkers.benchmark import ReferenceQuestion, read_benchmark
from research.chunkers.chunkers import build_chunkers
from research.chunkers.commands import to_figures
from research.chunkers.measurement import ChunkingResult, assemble, measure_chunking
from research.chunkers.report import find_plot, write_report
from research.chunkers.scores import Retrieved, Scores, precision_omega, score
from research.chunkers.selection import choose, leave_one_out

CHUNKERS = build_chunkers(build_tokenizer(LocalEmbedderSettings()))
SENTENCES = [
    f"Fact {n}: the {animal} sleeps in the {place}."
    for n, (animal, place) in enumerate(
        [
            ("otter", "reeds"),
            ("badger", "sett"),
            ("heron", "alder"),
            ("adder", "heather"),
            ("vole", "bank"),
            ("owl", "barn"),
        ]
    )
]
TEXT = "\n\n".join(" ".join([sentence, *["Nothing else is known of it."] * 12]) for sentence in SENTENCES)


class HashedWordsEmbedder:
    """An embedder with one dimension per hashed word, so texts with common words are similar."""

    identity = EmbedderIdentity(model="words", dimension=256)
    batch_size = 8
    concurrency = 1
    embedded = 0

    async def embed_query(self, text):
        [vector] = await self.embed_passages([text])
        return vector

    async def embed_passages(self, texts):
        self.embedded += len(texts)
        vectors = []
        for text in texts:
            vector = np.full(256, 1e-3, dtype=np.float32)
            for word in text.lower().split():
                vector[sum(word.encode()) % 256] += 1
            vectors.append(vector / np.linalg.norm(vector))
        return vectors


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "animals.md").write_text(TEXT)
    lines = ["question,references,corpus_id"]
    for sentence in SENTENCES:
        start = TEXT.index(sentence)
        references = [{"content": sentence, "start_index": start, "end_index": start + len(sentence)}]
        quoted = json.dumps(references).replace('"', '""')
        lines.append(f'{sentence.replace("Fact", "Where")},"{quoted}",animals')
    (tmp_path / "questions_df.csv").write_text("\n".join(lines))
    return tmp_path


def asked(*references):
    return ReferenceQuestion(text="?", corpus="a", references=references)


def parts(*spans, corpus="a"):
    return [Retrieved(corpus=corpus, span=span) for span in spans]


def test_text_retrieved_twice_counts_once_for_recall_and_twice_for_precision():
    assert score(asked((10, 20)), parts((0, 20), (10, 30))) == Scores(recall=1.0, precision=10 / 40, iou=10 / 40)


def test_missed_text_lowers_recall_and_iou():
    assert score(asked((10, 20), (50, 60)), parts((0, 15))) == Scores(recall=0.25, precision=5 / 15, iou=5 / 30)


def test_text_of_another_corpus_only_lowers_precision():
    assert score(asked((10, 20)), parts((10, 20), corpus="b")) == Scores(recall=0.0, precision=0.0, iou=0.0)
    assert score(asked((10, 20)), [*parts((0, 20)), *parts((0, 20), corpus="b")]).precision == 10 / 40


def test_an_empty_retrieval_scores_zero():
    assert score(asked((10, 20)), []) == Scores(recall=0.0, precision=0.0, iou=0.0)


def test_precision_omega_counts_the_chunks_that_touch_a_reference():
    chunks = {"a": [(0, 20), (20, 40), (40, 60)], "b": [(0, 100)]}
    assert precision_omega(asked((10, 30)), chunks) == 20 / 40


def test_sentence_windows_are_merged_and_overlapping_chunks_are_not():
    found = [*parts((0, 20), (10, 30)), *parts((5, 9), corpus="b")]
    assert assemble("sentence ±1", found) == [*parts((0, 30)), *parts((5, 9), corpus="b")]
    assert assemble("TokenText 250/125", found) == found


@pytest.mark.parametrize("name", CHUNKERS)
def test_every_chunker_covers_the_whole_text(name):
    pieces = CHUNKERS[name](TEXT)
    assert all(piece.passage in TEXT for piece in pieces)
    covered = {at for piece in pieces for at in range(*piece.span)}
    assert all(at in covered for at, character in enumerate(TEXT) if not character.isspace())


def test_a_character_split_by_tokens_belongs_to_both_chunks():
    text = "漢字と🧪👩‍🔬 " * 200
    pieces = CHUNKERS["TokenText 250/0"](text)
    assert len(pieces) > 1
    assert all(text[slice(*piece.span)] == piece.passage for piece in pieces)


async def test_the_benchmark_is_searched_and_its_vectors_are_cached(folder, tmp_path):
    benchmark, embedder = read_benchmark(folder), HashedWordsEmbedder()
    wanted = {"structure 64": CHUNKERS["structure 64"]}
    results = await measure_chunking(benchmark, wanted, embedder, cache=tmp_path / "vectors")
    five = {result.mode: result for result in results if result.limit == 5}
    assert five["hybrid"].mean("recall") == 1.0
    assert 0 < five["hybrid"].mean("precision") < five["hybrid"].omega
    embedded = embedder.embedded
    again = await measure_chunking(benchmark, wanted, embedder, cache=tmp_path / "vectors")
    assert embedder.embedded == embedded
    assert [result.to_json() for result in again] == [result.to_json() for result in results]
    assert "structure 64, hybrid" in to_figures(results)


async def test_a_chunker_that_loses_half_the_text_loses_half_the_recall(folder, tmp_path):
    def lossy(text):
        pieces = CHUNKERS["structure 64"](text)
        return pieces[: len(pieces) // 2]

    both = {"structure 64": CHUNKERS["structure 64"], "lossy": lossy}
    results = await measure_chunking(read_benchmark(folder), both, HashedWordsEmbedder(), cache=tmp_path / "vectors")
    recall = {
        result.chunker: result.mean("recall") for result in results if (result.mode, result.limit) == ("hybrid", 5)
    }
    assert recall["lossy"] < recall["structure 64"] - 0.2


def test_a_span_without_its_text_is_rejected(folder):
    (folder / "corpora" / "animals.md").write_text("x" + TEXT)
    with pytest.raises(InvalidInput, match="does not contain its text"):
        read_benchmark(folder)


def test_a_folder_in_another_format_is_rejected(tmp_path):
    with pytest.raises(InvalidInput, match="not a chunking benchmark"):
        read_benchmark(tmp_path)


def result(name, recall, precision):
    """Return a result with one question for each of two corpora."""
    scores = [Scores(recall=r, precision=p, iou=p) for r, p in zip(recall, precision, strict=True)]
    return ChunkingResult(
        chunker=name, mode="hybrid", limit=5, scores=scores, corpora=["a", "b"], chunks=1, characters=1.0, omega=1.0
    )


def test_a_selection_respects_the_minimum_precision_and_is_measured_on_the_held_out_corpus():
    greedy = result("greedy", (1.0, 1.0), (0.01, 0.01))
    at_a = result("at a", (0.9, 0.2), (0.1, 0.1))
    at_b = result("at b", (0.3, 0.8), (0.1, 0.1))
    assert choose([greedy, at_a, at_b], ["a"]) is at_a
    choice = leave_one_out([greedy, at_a, at_b])
    assert choice.chosen == {"a": "at b, hybrid, 5", "b": "at a, hybrid, 5"}
    assert choice.recall == pytest.approx((0.3 + 0.2) / 2)


def test_a_report_is_replaced_between_its_marks_only(tmp_path):
    report = tmp_path / "report.md"
    report.write_text("before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n")
    write_report("| new \\1 |", report)
    assert report.read_text() == "before\n<!-- figures -->\n\n| new \\1 |\n\n<!-- end of figures -->\nafter\n"
    with pytest.raises(InvalidInput, match="end of figures"):
        write_report("new", tmp_path / "nothing.md")


def test_the_plot_is_the_one_that_the_report_shows(tmp_path):
    report = tmp_path / "docs" / "measurements" / "chunking.md"
    report.parent.mkdir(parents=True)
    report.write_text("![Recall against precision](../images/chunking.svg)\n")
    assert find_plot(report) == tmp_path / "docs" / "images" / "chunking.svg"
    report.write_text("no plot\n")
    with pytest.raises(InvalidInput, match="shows no SVG"):
        find_plot(report)
