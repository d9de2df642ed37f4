# ruff: noqa: RUF001 - letters of other alphabets look alike
"""The contract of every store; each adapter's test file collects this suite."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from rag.store.base import StoreReader, Survey, VectorStore
from rag.types import EVERYTHING, FIRST_CHUNKS, Chunk, ChunkFilter, DocumentId, EmbedderIdentity, Point, Query, Scope

DIMENSION = 8
EMBEDDER = EmbedderIdentity(model="contract", dimension=DIMENSION, digest="abc")
OURS = Scope(tenant="ours")
THEIRS = Scope(tenant="theirs")

WORDS = [
    ("水泵因漏油而停机。", "为什么停机？", "zh"),
    ("油漏れのためポンプが停止しました。", "ポンプはいつ停止した？", "ja"),
    ("기름이 새서 펌프가 멈췄습니다.", "펌프는 왜 멈췄나요?", "ko"),
    ("ปั๊มหยุดทำงานเพราะน้ำมันรั่ว", "น้ำมันรั่วที่ไหน", "th"),
    ("The o\ufb03ce has a \ufb01lter.", "office filter", "en"),
    ("Gerät ＫＸ７７３１", "KX7731", "de"),
    ("Die Pum\u00adpe wird mon\u200bat\u200blich geprüft.", "Pumpe", "de"),
    ("Zwei Häuser wurden verkauft.", "Welches Haus?", "de"),
    ("Насос остановлен из-за утечки.", "утечка насоса", "ru"),
    ("Pompa została zatrzymana.", "zatrzymana", "pl"),
    ("Two unknown pumps.", "unknown", ""),
]
"""Passages, questions that have a word in common with them, and their languages."""


def direction(axis: int) -> np.ndarray:
    vector = np.zeros(DIMENSION, dtype=np.float32)
    vector[axis] = 1
    return vector


def diagonal(*axes: int) -> np.ndarray:
    vector = np.sum([direction(axis) for axis in axes], axis=0)
    return vector / np.linalg.norm(vector)


def point(text: str, *, axis: int = 0, document: str = "doc", ordinal: int = 0, **changes) -> Point:
    chunk = Chunk(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, document + text)),
        document_id=DocumentId(document),
        uri=f"file:///{document}.md",
        media_type="text/markdown",
        title=document,
        heading_path=("Guide", "Part"),
        text=text,
        ordinal=ordinal,
        version="v1",
        ingested_at=1.5,
        chunk_count=2,
    )
    order = changes.pop("order", 0)
    fields = {f: getattr(chunk, f) for f in Chunk.__dataclass_fields__} | changes
    return Point(chunk=Chunk(**fields), vector=direction(axis), order=order)


def query(text: str, *, axis: int = 0, words_share: float = 0.5) -> Query:
    return Query(text=text, vector=direction(axis), words_share=words_share)


async def word_scores(store: StoreReader, scope: Scope) -> list[tuple[str, float]]:
    hits = await store.search(scope, query("red pump", words_share=1), limit=5)
    return [(hit.chunk.text, round(hit.bm25 or 0, 4)) for hit in hits]


async def put(store: VectorStore, scope: Scope, points: Sequence[Point]) -> None:
    """Stage the points and commit each of their versions."""
    await store.stage(scope, points)
    for document_id, version in {(point.chunk.document_id, point.chunk.version): None for point in points}:
        await store.commit(scope, document_id, version)


async def texts(store: StoreReader, scope: Scope, where: ChunkFilter = FIRST_CHUNKS) -> set[str]:
    return {chunk.text async for chunk in store.scroll(scope, where)}


class StoreContract:
    """A subclass provides the fixture `store`, an empty `VectorStore` for DIMENSION and EMBEDDER."""

    async def test_a_stored_chunk_is_returned_unchanged(self, store):
        written = point("the torque is 12 newton metres")
        await put(store, OURS, [written])
        await store.publish()
        [found] = await store.search(OURS, query("torque"), limit=5)
        assert found.chunk == written.chunk

    async def test_similarity_is_the_cosine_of_question_and_passage(self, store):
        await put(store, OURS, [point("near", axis=0), point("far", axis=1)])
        await store.publish()
        found = await store.search(OURS, query("anything", axis=0), limit=5)
        assert {hit.chunk.text: pytest.approx(hit.similarity, abs=1e-5) for hit in found} == {"near": 1, "far": 0}

    async def test_bm25_finds_chunks_that_vectors_miss(self, store):
        crowd = [point(f"filler number {n}", axis=0) for n in range(60)]
        await put(store, OURS, [*crowd, point("error E1234 means no oil", axis=1)])
        await store.publish()
        found = await store.search(OURS, query("what is E1234", axis=0, words_share=0.6), limit=3)
        assert "error E1234 means no oil" in {hit.chunk.text for hit in found}

    async def test_words_are_found_in_any_script_and_form(self, store):
        for text, _, language in WORDS:
            other = point("nothing alike", axis=1, document="other", language="en")
            wanted = point(text, axis=2, document="wanted", language=language)
            await put(store, Scope(tenant=text), [other, wanted])
        await store.publish()

        found = {}
        for text, question, _ in WORDS:
            hits = await store.search(Scope(tenant=text), query(question, axis=3, words_share=1), limit=5)
            found[question, text] = [hit.chunk.text for hit in hits]

        assert found == {(question, text): [text] for text, question, _ in WORDS}

    async def test_a_chunk_that_is_high_in_both_rankings_comes_first(self, store):
        by_words, by_meaning = point("apples among a good many other fruits", axis=1), point("pears", axis=0)
        await put(store, OURS, [by_words, by_meaning, point("apples", axis=0)])
        await store.publish()
        found = await store.search(OURS, query("apples", axis=0), limit=3)
        assert found[0].chunk.text == "apples"
        assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)

    async def test_a_search_returns_at_most_its_limit(self, store):
        await put(store, OURS, [point(f"passage {n}") for n in range(20)])
        await store.publish()
        assert len(await store.search(OURS, query("passage"), limit=7)) == 7

    async def test_no_search_scroll_or_delete_crosses_tenants(self, store):
        await put(store, OURS, [point("our secret", document="shared-name")])
        await put(store, THEIRS, [point("their secret", document="shared-name")])
        await store.delete(THEIRS, DocumentId("shared-name"))
        await store.publish()
        assert [hit.chunk.text for hit in await store.search(OURS, query("secret"), limit=5)] == ["our secret"]
        assert await store.search(THEIRS, query("secret"), limit=5) == []
        assert await texts(store, OURS) == {"our secret"}
        assert await texts(store, THEIRS) == set()

    async def test_words_weigh_the_same_whatever_another_tenant_stores_or_was_replaced(self, store):
        ours = [point(f"{text} pump", document=text) for text in ("red", "blue", "green")]
        await put(store, OURS, ours)
        await store.publish()
        before = await word_scores(store, OURS)
        await put(store, THEIRS, [point(f"red {number}", document=f"their {number}") for number in range(20)])
        for version in ("v2", "v3", "v1"):
            await put(store, OURS, [replace(it, chunk=replace(it.chunk, version=version)) for it in ours])
        await store.publish()
        assert await word_scores(store, OURS) == before
        assert before[0][0] == "red pump"
        assert before[0][1] > before[1][1] > 0

    async def test_two_tenants_may_store_the_same_chunk(self, store):
        await put(store, OURS, [point("the same words")])
        await put(store, THEIRS, [point("the same words")])
        await store.publish()
        assert await texts(store, OURS) == await texts(store, THEIRS) == {"the same words"}

    async def test_a_filter_by_document_restricts_a_search(self, store):
        await put(store, OURS, [point("one", document="a"), point("two", document="b"), point("three", document="c")])
        await store.publish()
        wanted = ChunkFilter(document_ids=(DocumentId("a"), DocumentId("c")))
        found = await store.search(OURS, query("text"), limit=5, where=wanted)
        assert {hit.chunk.text for hit in found} == {"one", "three"}

    async def test_filters_of_several_fields_must_all_hold(self, store):
        await put(store, OURS, [point("one", document="a"), point("two", document="a", media_type="text/html")])
        await store.publish()
        wanted = ChunkFilter(document_ids=(DocumentId("a"),), media_types=("text/html",))
        assert {hit.chunk.text for hit in await store.search(OURS, query("text"), limit=5, where=wanted)} == {"two"}

    async def test_a_filter_by_uri_prefix_accepts_alternatives(self, store):
        await put(store, OURS, [point(name, document=name, uri=f"https://example.org/{name}/1") for name in "abc"])
        await store.publish()
        wanted = ChunkFilter(uri_prefixes=("https://example.org/a/", "https://example.org/b"))
        assert {hit.chunk.text for hit in await store.search(OURS, query("text"), limit=5, where=wanted)} == {"a", "b"}
        assert await texts(store, OURS, ChunkFilter(uri_prefixes=("example.org",))) == set()

    async def test_a_filter_by_time_includes_its_start_and_excludes_its_end(self, store):
        await put(store, OURS, [point(f"at {time}", document=f"d{time}", ingested_at=time) for time in (1.0, 2.0, 3.0)])
        await store.publish()
        assert await texts(store, OURS, ChunkFilter(ingested_since=2.0)) == {"at 2.0", "at 3.0"}
        assert await texts(store, OURS, ChunkFilter(ingested_before=2.0)) == {"at 1.0"}
        assert await texts(store, OURS, ChunkFilter(ingested_since=2.0, ingested_before=3.0)) == {"at 2.0"}

    async def test_metadata_is_returned_and_restricts_a_search(self, store):
        ops, dev = {"team": "ops", "year": "2024"}, {"team": "dev", "year": "2024"}
        await put(store, OURS, [point("one", document="a", metadata=ops), point("two", document="b", metadata=dev)])
        await put(store, OURS, [point("three", document="c")])
        await store.publish()
        either = ChunkFilter(metadata={"team": ("ops", "dev")})
        both = ChunkFilter(metadata={"team": ("ops", "legal"), "year": ("2024",)})
        assert await texts(store, OURS, either) == {"one", "two"}
        [found] = await store.search(OURS, query("text"), limit=5, where=both)
        assert (found.chunk.text, found.chunk.metadata) == ("one", ops)
        assert await texts(store, OURS, ChunkFilter(metadata={"team": ("dev",), "year": ("2025",)})) == set()

    async def test_a_search_may_use_only_vectors_or_only_words(self, store):
        await put(store, OURS, [point("apples", axis=1), point("pears", axis=0, ordinal=1)])
        await store.publish()
        by_vector = await store.search(OURS, query("apples", axis=0, words_share=0), limit=1)
        by_words = await store.search(OURS, query("apples", axis=0, words_share=1), limit=5)
        assert [(hit.chunk.text, hit.bm25) for hit in by_vector] == [("pears", None)]
        assert [hit.chunk.text for hit in by_words] == ["apples"]
        assert by_words[0].bm25 > 0
        assert by_words[0].similarity == pytest.approx(0, abs=1e-6)

    async def test_the_weight_of_words_decides_between_the_rankings(self, store):
        await put(store, OURS, [point("apples", axis=1), point("pears", axis=0), point("plums apples", axis=2)])
        await store.publish()
        first = {
            share: (await store.search(OURS, query("apples", axis=0, words_share=share), limit=1))[0].chunk.text
            for share in (0.1, 0.9)
        }
        assert first == {0.1: "pears", 0.9: "apples"}

    async def test_feedback_finds_neighbours_of_the_top_hit(self, store):
        best = point("apples", axis=0)
        near = Point(chunk=point("pears", document="b").chunk, vector=diagonal(0, 1))
        far = [Point(chunk=point(f"plum {n}", document=f"p{n}").chunk, vector=diagonal(2, 3)) for n in range(3)]
        await put(store, OURS, [best, near, *far])
        await store.publish()
        asked = Query(text="apples", vector=diagonal(1, 2, 3), words_share=0.6)
        without = [hit.chunk.text for hit in await store.search(OURS, asked, limit=5)]
        found = await store.search(OURS, replace(asked, feedback=1.0), limit=5)
        assert (without[0], without[-1]) == ("apples", "pears")
        assert [hit.chunk.text for hit in found[:2]] == ["apples", "pears"]
        assert found[0].similarity == pytest.approx(0, abs=1e-6)

    async def test_smoothing_ranks_a_passage_with_good_neighbours_above_an_isolated_one(self, store):
        names = ("apples", "plums", "pears", "quinces")
        vectors = (diagonal(0), diagonal(0, 1), diagonal(0, 2, 3), diagonal(0, 1, 2))
        await put(
            store,
            OURS,
            [
                Point(chunk=point(name, document=name).chunk, vector=vector)
                for name, vector in zip(names, vectors, strict=True)
            ],
        )
        await store.publish()
        asked = Query(text="quinces", vector=diagonal(0, 1), words_share=0.1)
        alone = await store.search(OURS, asked, limit=4)
        smoothed = await store.search(OURS, replace(asked, smoothing=0.9), limit=4)
        assert [hit.chunk.text for hit in alone] != [hit.chunk.text for hit in smoothed]
        assert {hit.chunk.text for hit in smoothed} == set(names)

    @pytest.mark.parametrize("words_share", [0.0, 1.0])
    async def test_feedback_and_smoothing_need_both_rankings(self, store, words_share):
        vectors = (diagonal(0), diagonal(0, 1), diagonal(0, 2, 3), diagonal(0, 1, 2))
        chunks = [point(f"apples {n}", document=f"d{n}").chunk for n in range(4)]
        await put(store, OURS, [Point(chunk=chunk, vector=it) for chunk, it in zip(chunks, vectors, strict=True)])
        await store.publish()
        asked = Query(text="apples 2", vector=diagonal(0, 1), words_share=words_share)
        plain, tuned = [
            {hit.chunk.text: pytest.approx(hit.score, abs=1e-5) for hit in await store.search(OURS, it, limit=4)}
            for it in (asked, replace(asked, feedback=1.0, smoothing=0.9))
        ]
        assert len(plain) == 4
        assert plain == {text: score.expected for text, score in tuned.items()}

    async def test_a_chunk_that_is_written_twice_is_stored_once(self, store):
        await put(store, OURS, [point("same")])
        await put(store, OURS, [point("same")])
        await store.publish()
        assert len([chunk async for chunk in store.scroll(OURS)]) == 1

    async def test_delete_removes_only_its_document(self, store):
        await put(store, OURS, [point("one", document="a"), point("two", document="a"), point("three", document="b")])
        await store.delete(OURS, DocumentId("a"))
        await store.publish()
        assert await texts(store, OURS) == {"three"}

    async def test_staged_versions_are_hidden_from_search_and_scroll(self, store):
        await store.stage(OURS, [point("draft")])
        await store.publish()
        assert await store.search(OURS, query("draft"), limit=5) == []
        assert await texts(store, OURS, EVERYTHING) == set()

    async def test_the_previous_version_stays_until_the_commit(self, store):
        await put(store, OURS, [point("old"), point("older", ordinal=1)])
        await store.stage(OURS, [point("new", version="v2")])
        await store.publish()
        assert await texts(store, OURS, EVERYTHING) == {"old", "older"}
        await store.commit(OURS, DocumentId("doc"), "v2")
        await store.publish()
        assert await texts(store, OURS, EVERYTHING) == {"new"}
        assert [hit.chunk.version for hit in await store.search(OURS, query("old"), limit=5)] == ["v2"]

    @pytest.mark.parametrize("feedback", [0.0, 0.5])
    async def test_every_search_finds_a_document_that_is_replaced_without_pause(self, store, feedback):
        looking = replace(query("the torque"), feedback=feedback, smoothing=0.2)
        await put(store, OURS, [point("the torque is 0", version="0", ingested_at=0.0)])

        async def replace_often() -> None:
            for n in range(1, 15):
                await put(store, OURS, [point(f"the torque is {n}", version=str(n), ingested_at=float(n))])

        replacing, found = asyncio.create_task(replace_often()), []
        while not replacing.done():
            found.append(len(await store.search(OURS, looking, limit=5)))
            await asyncio.sleep(0)
        await replacing
        assert set(found) == {1}

    async def test_two_versions_may_share_a_passage(self, store):
        await put(store, OURS, [point("kept"), point("gone", ordinal=1)])
        await put(store, OURS, [point("kept", version="v2")])
        await store.publish()
        assert await texts(store, OURS, EVERYTHING) == {"kept"}

    async def test_staging_a_committed_version_again_does_not_hide_it(self, store):
        await put(store, OURS, [point("seen")])
        await store.stage(OURS, [point("seen")])
        await store.publish()
        assert await texts(store, OURS) == {"seen"}

    async def test_a_commit_changes_no_other_document_and_no_other_tenant(self, store):
        await put(store, OURS, [point("ours", document="a"), point("other", document="b")])
        await put(store, THEIRS, [point("theirs", document="a")])
        await put(store, OURS, [point("ours again", document="a", version="v2")])
        await store.publish()
        assert await texts(store, OURS, EVERYTHING) == {"ours again", "other"}
        assert await texts(store, THEIRS, EVERYTHING) == {"theirs"}

    async def test_delete_removes_staged_versions_too(self, store):
        await put(store, OURS, [point("old")])
        await store.stage(OURS, [point("new", version="v2")])
        await store.delete(OURS, DocumentId("doc"))
        await store.commit(OURS, DocumentId("doc"), "v2")
        await store.publish()
        assert await texts(store, OURS, EVERYTHING) == set()

    async def test_an_older_state_cannot_replace_a_newer_one(self, store):
        await store.stage(OURS, [point("older", version="v1", order=1)])
        await store.stage(OURS, [point("newer", version="v2", order=2)])
        await store.commit(OURS, DocumentId("doc"), "v2", order=2)
        # A paused writer continues.
        await store.stage(OURS, [point("older", version="v1", order=1)])
        await store.commit(OURS, DocumentId("doc"), "v1", order=1)
        await store.delete(OURS, DocumentId("doc"), order=1)
        await store.publish()
        assert await texts(store, OURS, EVERYTHING) == {"newer"}

    async def test_an_older_state_does_not_remove_staged_points_of_a_newer_one(self, store):
        await store.stage(OURS, [point("older", version="v1", order=1)])
        await store.stage(OURS, [point("newer", version="v2", order=2)])
        await store.commit(OURS, DocumentId("doc"), "v1", order=1)
        await store.publish()
        assert await texts(store, OURS, EVERYTHING) == {"older"}
        await store.commit(OURS, DocumentId("doc"), "v2", order=2)
        await store.publish()
        assert await texts(store, OURS, EVERYTHING) == {"newer"}

    async def test_a_state_that_is_committed_again_has_its_latest_order(self, store):
        for version, order in (("v1", 1), ("v2", 2), ("v1", 3)):
            await store.stage(OURS, [point(version, version=version, order=order)])
            await store.commit(OURS, DocumentId("doc"), version, order=order)
        await store.commit(OURS, DocumentId("doc"), "v2", order=2)
        await store.publish()
        assert await texts(store, OURS, EVERYTHING) == {"v1"}

    async def test_a_commit_without_an_order_replaces_any_version(self, store):
        await store.stage(OURS, [point("ordered", version="v1", order=5)])
        await store.commit(OURS, DocumentId("doc"), "v1", order=5)
        await put(store, OURS, [point("past the inbox", version="v2")])
        await store.publish()
        assert await texts(store, OURS, EVERYTHING) == {"past the inbox"}

    async def test_points_are_returned_with_their_vectors(self, store):
        written = point("with a vector", axis=3)
        await put(store, OURS, [written])
        await store.publish()
        [found] = [point async for point in store.scroll_points(OURS)]
        assert found.chunk == written.chunk
        assert found.vector == pytest.approx(written.vector, abs=1e-6)

    async def test_a_survey_counts_live_chunks_only(self, store):
        await put(store, OURS, [point("one", ingested_at=100.0), point("two", ordinal=1, ingested_at=100.0)])
        await put(store, THEIRS, [point("three", ingested_at=200.0)])
        await store.stage(OURS, [point("draft", document="b", ingested_at=300.0)])
        await store.publish()
        assert await store.survey(since=150.0) == Survey(
            tenants=("ours", "theirs"), documents=2, chunks=3, recent_chunks=1, newest=200.0
        )

    async def test_a_survey_lists_more_tenants_than_one_request_asks_for(self, store, monkeypatch):
        monkeypatch.setattr("rag.store.schema.TENANTS_PAGE", 2)
        for tenant in "abc":
            await put(store, Scope(tenant=tenant), [point("one")])
        await store.publish()
        assert (await store.survey(since=0.0)).tenants == ("a", "b", "c")

    async def test_a_survey_of_an_empty_collection(self, store):
        await store.publish()
        survey = await store.survey(since=0.0)
        assert (survey.tenants, survey.documents, survey.newest) == ((), 0, None)

    async def test_scroll_returns_every_chunk_across_pages(self, store):
        # One document, because qdrant-client's local mode scans every point for each commit.
        await put(store, OURS, [point(f"passage {n}", ordinal=n) for n in range(700)])
        await store.publish()
        assert len(await texts(store, OURS, EVERYTHING)) == 700

    async def test_scroll_lists_documents_by_their_first_chunks(self, store):
        await put(store, OURS, [point("first"), point("second", ordinal=1)])
        await store.publish()
        assert await texts(store, OURS, FIRST_CHUNKS) == {"first"}

    async def test_documents_are_listed_without_their_texts(self, store):
        first = point("first", document="a", title="A title", version="3-abc", metadata={"team": "ops"})
        await put(store, OURS, [first, point("second", document="a", version="3-abc", ordinal=1)])
        await put(store, THEIRS, [point("theirs", document="b")])
        await store.stage(OURS, [point("staged", document="c")])
        await store.publish()
        [found] = [document async for document in store.documents(OURS)]
        assert (found.document_id, found.title, found.chunk_count) == ("a", "A title", 2)
        assert (found.version, found.digest, found.metadata) == ("3-abc", "abc", {"team": "ops"})

    async def test_documents_are_listed_newest_first(self, store):
        times = {"old": 1.5, "newest": 1_800_000_000.25, "middle": 1_700_000_000.5, "also-middle": 1_700_000_000.5}
        await put(store, OURS, [point(name, document=name, ingested_at=at) for name, at in times.items()])
        await store.publish()
        found = [it.document_id async for it in store.documents(OURS, newest_first=True)]
        assert (found[0], set(found[1:3]), found[3:]) == ("newest", {"middle", "also-middle"}, ["old"])
        before = ChunkFilter(ingested_before=1_700_000_000.5)
        assert [it.document_id async for it in store.documents(OURS, before, newest_first=True)] == ["old"]

    async def test_an_empty_collection_returns_no_chunks(self, store):
        assert await store.search(OURS, query("anything"), limit=5) == []
        assert await texts(store, OURS) == set()
