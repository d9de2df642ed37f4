"""`/v1/documents` over HTTP, on a real store and a real inbox without a worker."""

import asyncio
import json
import time
from types import SimpleNamespace
from urllib.parse import quote

import httpx
import pytest
from prometheus_client import REGISTRY

from rag.parsing_warnings import ParsingWarning
from rag.types import DocumentId, Scope
from service.app import create_app
from service.auth.keys import ANONYMOUS, Keys
from service.documents.watching import open_inbox_watch
from service.settings import Settings
from service.worker_watch import WorkerSummary
from tests.support.contracts.store import point
from tests.support.contracts.store import put as put_points
from tests.support.installation import open_installation

MAX_BYTES = 10_000
MARKDOWN = {"Content-Type": "text/markdown"}


@pytest.fixture
async def installation(tmp_path):
    async with open_installation(tmp_path, ANONYMOUS.scope) as opened:
        yield opened


@pytest.fixture
async def http(installation, tmp_path):
    stopping = asyncio.Event()
    async with open_inbox_watch(installation.inbox, stopping) as watch:
        resources = SimpleNamespace(
            settings=Settings(data_dir=tmp_path, max_document_bytes=MAX_BYTES),
            keys=Keys(tmp_path / "keys.json", allow_anonymous=True),
            store=installation.store,
            inbox=installation.inbox,
            inbox_watch=watch,
            workers=SimpleNamespace(status=WorkerSummary(state="down", message="No worker is running.")),
            prompts=SimpleNamespace(identities=[]),
            stopping=stopping,
        )
        app = create_app(resources)
        async with app.router.lifespan_context(app) as state:

            async def run(scope, receive, send):
                await app(scope | {"state": dict(state)}, receive, send)

            transport = httpx.ASGITransport(app=run, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
                yield client


async def put(http, name, body=b"# Text", **headers):
    path = f"/v1/documents/{quote(name, safe='')}"
    return await http.put(path, content=body, headers={name.replace("_", "-"): it for name, it in headers.items()})


async def post(http, *files, path="/v1/documents", field="file", **headers):
    sent = [(field, file) for file in files]
    return await http.post(path, files=sent, headers={name.replace("_", "-"): it for name, it in headers.items()})


async def queued(installation) -> dict[str, bytes]:
    """Return the body of each upload in the inbox, by name."""
    bodies = {}
    while entry := await installation.worklist.claim():
        bodies[entry.job.document_id] = entry.job.document.body
    return bodies


@pytest.mark.slow
@pytest.mark.parametrize("name", ["日本.md", "C#.md", "C++ (2).md", "100%.md", "a&b=c;d?.md", "👩‍🔬.md", "it's.md"])
async def test_a_name_in_any_script_is_kept_by_put_and_by_post(http, installation, name):
    accepted = await put(http, name)
    assert (accepted.status_code, accepted.json()["id"]) == (202, name)
    assert accepted.headers["location"] == f"/v1/documents/{quote(name, safe='')}"
    assert (await http.get(accepted.headers["location"])).json()["id"] == name
    sent = await post(http, (name, b"# Text", "application/octet-stream"))
    assert [it["id"] for it in sent.json()["documents"]] == [name]
    assert await queued(installation) == {name: b"# Text"}


@pytest.mark.parametrize("path", ["a%2Fb.md", "..%2Fa.md", "a%5Cb.md", "a%0Ab.md", "%20", "%FF.md", "x" * 256])
async def test_a_name_that_cannot_be_an_id_is_refused_with_a_sentence(http, installation, path):
    for response in (
        await http.put(f"/v1/documents/{path}", content=b"text", headers=MARKDOWN),
        await http.get(f"/v1/documents/{path}"),
    ):
        assert response.status_code == 400
        assert response.json()["detail"].endswith(".")
    assert await queued(installation) == {}


async def test_both_unicode_forms_of_a_name_are_one_document(http, installation):
    await put(http, "Cafe\u0301.md", b"one")
    await put(http, "Caf\u00e9.md", b"two")
    assert await queued(installation) == {"Caf\u00e9.md": b"two"}


async def test_several_files_of_any_fields_are_queued_with_their_metadata(http, installation):
    files = {"file": ("a.md", b"# A"), "another": ("b.txt", b"B"), "metadata.team": (None, "ops")}
    accepted = await http.post("/v1/documents?metadata.site=hq", files=files)
    assert accepted.status_code == 202
    assert [(it["id"], it["state"]) for it in accepted.json()["documents"]] == [("a.md", "queued"), ("b.txt", "queued")]
    entry = await installation.worklist.claim()
    assert entry.job.document.metadata == {"team": "ops", "site": "hq"}
    assert entry.job.digest == accepted.json()["documents"][0]["version"] == entry.job.document.digest()


async def test_the_charset_that_a_client_declares_reaches_the_inbox(http, installation):
    await put(http, "a.txt", "łódź".encode("iso-8859-2"), content_type="text/plain; charset=ISO-8859-2")
    await post(http, ("b.txt", "ğ".encode("cp1254"), "text/plain; charset=windows-1254"), ("c.txt", b"plain"))
    charsets = {}
    while entry := await installation.worklist.claim():
        charsets[entry.job.document_id] = entry.job.document.charset
    assert charsets == {"a.txt": "iso-8859-2", "b.txt": "windows-1254", "c.txt": ""}


async def test_a_document_with_gaps_lists_what_is_missing(http, installation):
    scanned = ParsingWarning(code="page_without_text", message="Pages are images.", count=4, place="pages 2 to 5")
    guessed = ParsingWarning(code="guessed_header", message="A header was recognised.")
    await installation.add("scan.pdf", warnings=(scanned, guessed))
    await installation.add("whole.md")
    found = (await http.get("/v1/documents/scan.pdf")).json()
    assert (found["state"], found["warnings"]) == (
        "ready",
        [
            {
                "code": "page_without_text",
                "message": "Pages are images.",
                "count": 4,
                "place": "pages 2 to 5",
                "loses_text": True,
            },
            {
                "code": "guessed_header",
                "message": "A header was recognised.",
                "count": 1,
                "place": "",
                "loses_text": False,
            },
        ],
    )
    listed = (await http.get("/v1/documents")).json()["documents"]
    assert {it["id"]: len(it["warnings"]) for it in listed} == {"scan.pdf": 2, "whole.md": 0}


async def test_an_empty_document_is_visible_and_can_be_replaced_or_deleted(http, installation):
    await put(http, "draft.md", b"---\na: b\n---\n")
    await installation.worklist.set_aside(await installation.worklist.claim(), reason="It has no text.")
    found = (await http.get("/v1/documents/draft.md")).json()
    assert (found["state"], found["reason"], found["warnings"]) == ("empty", "It has no text.", [])
    listed = (await http.get("/v1/documents", params={"state": "empty"})).json()
    assert ([it["id"] for it in listed["documents"]], listed["queue"]["empty"]) == (["draft.md"], 1)
    assert (await post(http, ("draft.md", b"# Text"))).status_code == 202
    await installation.finish("draft.md")
    assert (await http.get("/v1/documents/draft.md")).json()["state"] == "ready"


async def test_one_invalid_file_stops_all_and_each_fault_is_named(http, installation):
    refused = await post(http, ("good.md", b"# Good"), ("film.mp4", b"x"), ("empty.md", b""), ("a/b.md", b"x"))
    assert refused.status_code == 400
    assert {it["field"] for it in refused.json()["errors"]} == {"film.mp4", "empty.md", "a/b.md"}
    twice = await post(http, ("a.md", b"one"), ("a.md", b"two"))
    assert (twice.status_code, "Two files" in twice.json()["detail"]) == (400, True)
    assert await queued(installation) == {}


async def test_a_form_without_files_is_refused_with_an_example(http):
    for response in (
        await http.post("/v1/documents", data={"file": "a.md"}),
        await http.post("/v1/documents", files={"file": (None, "a.md")}),
        await http.post("/v1/documents", content=b"# Text", headers=MARKDOWN),
        await http.post("/v1/documents", content=b"x", headers={"Content-Type": "multipart/form-data"}),
        await http.post("/v1/documents", json={}),
    ):
        assert response.status_code == 400
    assert "curl -F file=@" in response.json()["detail"]


async def test_files_have_limits_of_size_and_number(http, installation):
    assert (await post(http, ("a.md", b"x" * MAX_BYTES))).status_code == 202
    assert (await post(http, ("b.md", b"x" * (MAX_BYTES + 1)))).status_code == 413
    many = [(f"{number}.md", b"x") for number in range(101)]
    assert (await post(http, *many)).status_code == 400
    # The form as a whole has a limit, too.
    large = [(f"{number}.md", b"x" * MAX_BYTES) for number in range(15)]
    assert (await post(http, *large)).status_code == 413
    assert list(await queued(installation)) == ["a.md"]


async def test_another_file_of_the_same_name_replaces_nothing_unless_the_client_says_so(http, installation):
    assert (await post(http, ("a.md", b"one"), ("b.md", b"two"))).status_code == 202
    assert (await post(http, ("a.md", b"one"))).status_code == 202
    refused = await post(http, ("new.md", b"new"), ("a.md", b"other"), ("b.md", b"other"))
    assert refused.status_code == 409
    assert "a.md" in refused.json()["detail"]
    assert "b.md" in refused.json()["detail"]
    assert (await post(http, ("a.md", b"other"), path="/v1/documents?replace=true")).status_code == 202
    version = (await http.get("/v1/documents/b.md")).headers["etag"]
    assert (await post(http, ("b.md", b"newest"), if_match=version)).status_code == 202
    assert await queued(installation) == {"a.md": b"other", "b.md": b"newest"}


async def test_of_two_different_files_at_once_one_is_refused(http):
    results = await asyncio.gather(*(post(http, ("a.md", f"{client}".encode())) for client in range(6)))
    assert sorted(it.status_code for it in results) == [202, 409, 409, 409, 409, 409]


async def test_put_replaces_and_its_etag_guards_against_lost_updates(http):
    first = await put(http, "a.md", b"one")
    etag = first.headers["etag"]
    assert etag == f'"{first.json()["version"]}"'
    assert (await http.get("/v1/documents/a.md")).headers["etag"] == etag
    second = await put(http, "a.md", b"two", if_match=etag)
    assert second.status_code == 202
    lost = await put(http, "a.md", b"three", if_match=etag)
    assert (lost.status_code, lost.headers["content-type"]) == (412, "application/problem+json")
    assert (await put(http, "a.md", b"four", if_match=f'"x", {second.headers["etag"]}')).status_code == 202
    assert (await put(http, "a.md", b"five")).status_code == 202
    assert (await put(http, "a.md", b"six", if_match="W/" + etag)).status_code == 412
    assert (await put(http, "a.md", b"six", if_match='""')).status_code == 412
    assert (await put(http, "a.md", b"six", if_match="a b")).status_code == 400


async def test_put_can_require_that_a_document_exists_or_not(http):
    assert (await put(http, "a.md", if_match="*")).status_code == 412
    assert (await put(http, "a.md", if_none_match="*")).status_code == 202
    assert (await put(http, "a.md", if_none_match="*")).status_code == 412
    assert (await put(http, "a.md", if_match="*")).status_code == 202


async def test_delete_is_guarded_and_has_its_own_state(http, installation):
    await installation.add("a.md", title="A title")
    version = (await http.get("/v1/documents/a.md")).headers["etag"]
    assert (await http.delete("/v1/documents/a.md", headers={"If-Match": '"other"'})).status_code == 412
    accepted = await http.delete("/v1/documents/a.md", headers={"If-Match": version})
    assert (accepted.status_code, accepted.json()["state"]) == (202, "deleting")
    deleting = await http.get("/v1/documents/a.md")
    assert (deleting.json()["state"], deleting.json()["title"], "etag" in deleting.headers) == (
        "deleting",
        "A title",
        False,
    )
    listed = await http.get("/v1/documents", params={"state": "deleting"})
    assert [it["id"] for it in listed.json()["documents"]] == ["a.md"]
    await installation.store.delete(ANONYMOUS.scope, DocumentId("a.md"))
    await installation.worklist.acknowledge(await installation.worklist.claim())
    assert (await http.get("/v1/documents/a.md")).status_code == 404


async def test_a_request_can_wait_for_the_next_state(http, installation):
    await put(http, "a.md")
    busy = REGISTRY.get_sample_value("rag_inflight_requests")
    waiting = asyncio.create_task(http.get("/v1/documents/a.md", params={"wait": 60}))
    async with asyncio.timeout(60):
        while not REGISTRY.get_sample_value("rag_gate_depth", {"gate": "document_waits"}):  # noqa: ASYNC110 - a gauge
            await asyncio.sleep(0.01)
    # The service is scaled by this number, and a waiting request is not load.
    assert REGISTRY.get_sample_value("rag_inflight_requests") == busy
    entry = await installation.worklist.claim()
    assert (await waiting).json()["state"] == "processing"
    began = time.monotonic()
    assert (await http.get("/v1/documents/a.md", params={"wait": 0.3})).json()["state"] == "processing"
    assert time.monotonic() - began >= 0.3
    await installation.worklist.dead_letter(entry, reason="It is empty.")
    began = time.monotonic()
    assert (await http.get("/v1/documents/a.md", params={"wait": 60})).json()["state"] == "rejected"
    assert time.monotonic() - began < 30
    assert (await http.get("/v1/documents/a.md", params={"wait": 61})).status_code == 422


async def test_a_pending_document_says_what_it_waits_for(http):
    accepted = (await put(http, "a.md")).json()
    assert (accepted["worker"], accepted["message"]) == ("down", "No worker is running.")
    [sent] = (await post(http, ("b.md", b"# B"))).json()["documents"]
    assert (sent["worker"], sent["message"]) == ("down", "No worker is running.")
    assert (await http.get("/v1/documents/a.md")).json()["reason"] == "No worker is running."
    listed = {it["id"]: it["reason"] for it in (await http.get("/v1/documents")).json()["documents"]}
    assert listed["b.md"] == "No worker is running."


async def test_lists_are_paged_sorted_and_filtered(http, installation):
    for number in range(5):
        await installation.add(f"d{number}.md", title=f"Title {9 - number}", ingested_at=1000.0 + number)
    await put(http, "new.md")
    newest = (await http.get("/v1/documents", params={"limit": 2})).json()
    assert [it["id"] for it in newest["documents"]] == ["new.md", "d4.md"]
    first = (await http.get("/v1/documents", params={"limit": 4, "sort": "title"})).json()
    assert [it["id"] for it in first["documents"]] == ["new.md", "d4.md", "d3.md", "d2.md"]
    second = (await http.get("/v1/documents", params={"limit": 4, "sort": "title", "cursor": first["next"]})).json()
    assert ([it["id"] for it in second["documents"]], second["next"]) == (["d1.md", "d0.md"], None)
    assert second["queue"] == {"queued": 1, "processing": 0, "empty": 0, "rejected": 0, "deleting": 0}
    found = (await http.get("/v1/documents", params={"q": "TITLE 8", "state": ["ready", "queued"]})).json()
    assert [it["id"] for it in found["documents"]] == ["d1.md"]
    for wrong in ({"cursor": "abc"}, {"cursor": first["next"], "sort": "id"}):
        assert (await http.get("/v1/documents", params=wrong)).status_code == 400
    for wrong in ({"limit": 0}, {"limit": 501}, {"state": "lost"}, {"sort": "size"}):
        assert (await http.get("/v1/documents", params=wrong)).status_code == 422


async def test_documents_of_other_tenants_are_neither_listed_nor_counted(http, installation):
    other = Scope(tenant="other")
    await http.put("/v1/documents/ours.md", content=b"x", headers=MARKDOWN)
    entry = (await installation.inbox.progress(ANONYMOUS.scope))[0]
    assert await installation.inbox.progress(other) == []
    listed = (await http.get("/v1/documents")).json()
    assert (len(listed["documents"]), listed["queue"]["queued"]) == (1, 1)
    assert json.dumps(listed).count(entry.digest) == 1


async def test_the_passages_around_one_are_read_in_order(http, installation):
    points = [point(f"text of part {n}", document="manual.md", ordinal=n) for n in range(8)]
    await put_points(installation.store, installation.scope, points)
    await installation.add("other.md")

    whole = (await http.get("/v1/documents/manual.md/passages", params={"limit": 50})).json()
    assert [(passage["ordinal"], passage["text"]) for passage in whole["passages"]] == [
        (n, f"text of part {n}") for n in range(8)
    ]
    part = (await http.get("/v1/documents/manual.md/passages", params={"around": 4, "limit": 3})).json()
    assert part["passages"] == whole["passages"][3:6]

    missing = await http.get("/v1/documents/manual.md/passages", params={"around": 400})
    assert (missing.status_code, missing.json()["detail"][:37]) == (404, "The collection has no passage 400 of ")
    assert (await http.get("/v1/documents/unknown.md/passages")).status_code == 404
