"""Pages of documents from a real store and a real inbox."""

from dataclasses import replace

import pytest

from rag.errors import InvalidInput, Unavailable
from rag.inbox.base import Removal
from rag.types import DocumentId
from service.documents.listing import DocumentPage, DocumentQuery, Sort, from_cursor, list_documents, to_cursor
from tests.support.contracts.inbox import OURS, upload


async def page(installation, **selection) -> DocumentPage:
    return await list_documents(
        installation.store, installation.inbox, OURS, DocumentQuery(**{"limit": 50} | selection)
    )


async def ids(installation, **selection) -> list[str]:
    return [str(document.id) for document in (await page(installation, **selection)).documents]


async def all_ids(installation, *, limit: int, sort: Sort) -> list[str]:
    """Read every page, each with a cursor as a client has it."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        after = from_cursor(cursor, sort) if cursor else None
        part = await page(installation, limit=limit, sort=sort, after=after)
        found += [document.id for document in part.documents]
        if part.next is None:
            return found
        cursor = to_cursor(part.next, sort)


@pytest.fixture
async def mixed(installation):
    """Three ready documents, of which one is replaced, one removed and none both, and three others."""
    for name, title, at in (("a.md", "Zebra", 10.0), ("B.md", "ångström", 30.0), ("c.md", "Mango", 20.0)):
        await installation.add(name, title=title, ingested_at=at)
    await installation.reject("bad.md")
    await installation.inbox.put(upload("new.md"))
    await installation.inbox.put(upload("c.md"))
    await installation.inbox.put(Removal(scope=OURS, document_id=DocumentId("a.md")))
    return installation


async def test_documents_are_sorted_by_title_id_or_time(mixed):
    assert await ids(mixed, sort="title") == ["bad.md", "c.md", "new.md", "a.md", "B.md"]
    assert await ids(mixed, sort="id") == ["a.md", "B.md", "bad.md", "c.md", "new.md"]
    assert await ids(mixed, sort="time") == ["a.md", "c.md", "new.md", "bad.md", "B.md"]


async def test_states_are_those_of_documents_and_of_their_updates(mixed):
    states = {it.id: (it.state, it.update) for it in (await page(mixed)).documents}
    assert states == {
        "a.md": ("deleting", None),
        "B.md": ("ready", None),
        "c.md": ("ready", "queued"),
        "bad.md": ("rejected", None),
        "new.md": ("queued", None),
    }
    assert await ids(mixed, states=frozenset({"ready"})) == ["c.md", "B.md"]
    assert await ids(mixed, states=frozenset({"ready"}), sort="title") == ["c.md", "B.md"]
    assert await ids(mixed, states=frozenset({"queued"})) == ["c.md", "new.md"]
    assert await ids(mixed, states=frozenset({"deleting", "rejected"}), sort="id") == ["a.md", "bad.md"]
    counts = (await page(mixed, limit=1)).counts
    assert counts == {"queued": 2, "rejected": 1, "deleting": 1}


async def test_a_text_is_found_in_titles_and_uris_in_any_case(mixed):
    assert await ids(mixed, text="MANGO") == ["c.md"]
    assert await ids(mixed, text="b", sort="title") == ["bad.md", "a.md", "B.md"]
    assert await ids(mixed, text="A\u030angstr\u00d6m", sort="time") == ["B.md"]
    assert await ids(mixed, text="AD.md") == ["bad.md"]  # Of the URI of an upload that is not ready.
    assert await ids(mixed, text="nowhere") == []


async def test_a_text_is_found_at_the_beginning_of_an_id_only(installation):
    uuid = "0c1ebad2-93f4-5d1e-8a53-1f0e4bb0a0de"
    await installation.add(uuid, uri="file:///guides/price%20list.xlsx", title="Prices")
    for text in (uuid, "0C1E", "e list", "e%20LIST", "/guides/", "rices"):
        assert await ids(installation, text=text) == [uuid], text
    for text in ("bad", "93f4", uuid[1:]):
        assert await ids(installation, text=text) == [], text


@pytest.mark.parametrize("sort", ["title", "id", "time"])
async def test_pages_contain_each_document_once_while_others_come_and_go(installation, sort):
    names = [f"d{number:02}" for number in range(30)]
    for number, name in enumerate(names):
        # Several documents have the same time and the same title.
        await installation.add(name, title=f"Title {number // 4}", ingested_at=1000.0 - number // 4)
    await installation.inbox.put(upload("queued"))
    whole = await ids(installation, sort=sort)
    assert sorted(whole) == [*names, "queued"]
    assert await all_ids(installation, limit=7, sort=sort) == whole

    first = await page(installation, limit=7, sort=sort)
    assert first.next is not None
    await installation.store.delete(OURS, DocumentId(first.documents[-1].id))
    await installation.add("0-before", title="!", ingested_at=2000.0)
    rest = await page(installation, sort=sort, after=first.next)
    assert [document.id for document in rest.documents] == whole[7:]


async def test_the_last_page_has_no_cursor(installation):
    await installation.add("a")
    await installation.add("b")
    assert (await page(installation, limit=2)).next is None
    assert (await page(installation, limit=1)).next is not None
    assert (await page(installation, limit=1, text="zzz")).documents == []


@pytest.mark.parametrize("cursor", ["", "abc", "WyJ0aXRsZSIsIDEsICJhIl0", "日本", "W1tbW1tb" * 400])
def test_a_cursor_that_was_not_sent_by_the_service_is_refused(cursor):
    with pytest.raises(InvalidInput, match="cursor"):
        from_cursor(cursor, "title")


def test_a_cursor_of_another_order_is_refused():
    with pytest.raises(InvalidInput, match="sort=time"):
        from_cursor(to_cursor(("a", "a"), "title"), "time")
    for no_time in (float("nan"), float("inf"), 10**400, "yesterday"):
        with pytest.raises(InvalidInput):
            from_cursor(to_cursor((no_time, "a"), "time"), "time")


async def test_ready_documents_are_listed_if_the_inbox_does_not_answer(installation):
    await installation.add("a")

    class Unreachable:
        async def progress(self, *_):
            raise Unavailable("Redis cannot be reached.")

    found = await list_documents(installation.store, Unreachable(), OURS, DocumentQuery(limit=5))
    assert [(it.id, it.state, it.update) for it in found.documents] == [("a", "ready", "unknown")]
    assert found.counts is None


async def test_two_live_versions_during_a_commit_are_one_document(installation):
    await installation.add("a", version="1-old", ingested_at=1.0)

    class TwoVersions:
        async def documents(self, *_, **__):
            async for found in installation.store.documents(OURS):
                yield found
                yield replace(found, version="1-new", ingested_at=2.0)

                yield replace(found, version="1-newer", ingested_at=3.0)

    for sort in ("title", "time"):
        found = await list_documents(TwoVersions(), installation.inbox, OURS, DocumentQuery(limit=1, sort=sort))
        assert [it.id for it in found.documents] == ["a"]
        assert found.next is None
    found = await list_documents(TwoVersions(), installation.inbox, OURS, DocumentQuery(limit=5, sort="title"))
    assert [it.digest for it in found.documents] == ["newer"]
