import asyncio

import pytest
from playwright.async_api import FilePayload, Locator, Page, Route, expect

from tests.support.page.fake_service import FakeService
from tests.support.page.script import document

pytestmark = pytest.mark.asyncio(loop_scope="package")

_DROP = """([name, text]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([text], name));
    for (const type of ["dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
}"""


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name="Documents").get_by_role("listitem").filter(has_text=name)


async def add(page: Page, name: str, body: bytes) -> None:
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Add documents").click()
    await (await chooser.value).set_files(FilePayload(name=name, mimeType="", buffer=body))


async def test_an_upload_shows_each_state_until_it_is_ready(page: Page, service: FakeService) -> None:
    service.step = asyncio.Semaphore(0)
    await add(page, "notes.md", b"# Field notes\n\nThey say nothing.")

    await expect(row(page, "notes.md")).to_contain_text("Queued")
    service.step.release()
    await expect(row(page, "notes.md")).to_contain_text("Processing")
    service.step.release()
    await expect(row(page, "Field notes")).to_have_attribute("data-state", "ready")
    await expect(row(page, "Field notes")).to_contain_text("12 passages · 2 Mar 2026")
    await expect(page.get_by_role("region", name="Documents").get_by_role("status")).to_have_text(
        "“Field notes” is ready. You can ask about it."
    )


async def test_a_file_can_be_dropped_anywhere(page: Page) -> None:
    await page.evaluate(_DROP, ["dropped.txt", "Dropped"])

    await expect(row(page, "Dropped")).to_have_attribute("data-state", "ready")


async def test_a_file_dropped_while_the_list_loads_stays_listed(page: Page, service: FakeService) -> None:
    release = asyncio.Event()

    async def delay(route: Route) -> None:
        answer = await route.fetch()
        await release.wait()
        await route.fulfill(response=answer)

    service.step = asyncio.Semaphore(0)
    await page.route("**/v1/documents?*", delay)
    await page.reload()
    await page.evaluate(_DROP, ["dropped.txt", "Dropped"])
    await expect(row(page, "dropped.txt")).to_contain_text("Queued")
    release.set()

    await expect(row(page, "A guided tour")).to_be_visible()
    service.step.release()
    service.step.release()
    await expect(row(page, "Dropped")).to_have_attribute("data-state", "ready")


async def test_a_rejected_document_shows_its_reason(page: Page) -> None:
    await add(page, "junk.md", b"\0\1\2")

    await expect(row(page, "junk.md")).to_have_attribute("data-state", "rejected")
    await expect(row(page, "junk.md")).to_contain_text("The file is binary, not text.")


async def test_a_document_with_gaps_lists_what_is_missing(page: Page, service: FakeService) -> None:
    scanned = {"code": "page_without_text", "message": "Pages are images.", "count": 4, "place": "pages 2 to 5"}
    guessed = {"code": "guessed_header", "message": "A header was recognised.", "count": 1, "place": ""}
    service.documents["scan.pdf"] = document(
        "scan.pdf", warnings=[scanned | {"loses_text": True}, guessed | {"loses_text": False}]
    )
    service.documents["table.csv"] = document("table.csv", warnings=[guessed | {"loses_text": False}])
    await page.reload()

    await expect(row(page, "scan.pdf")).to_contain_text("Ready, with gaps · 12 passages")
    await expect(row(page, "scan.pdf").get_by_role("listitem")).to_have_text(
        ["Pages are images. (4 times; pages 2 to 5)", "A header was recognised."]
    )
    await expect(row(page, "table.csv")).not_to_contain_text("with gaps")
    await expect(row(page, "A guided tour").get_by_role("list")).to_be_hidden()


async def test_an_empty_document_shows_its_reason_and_can_be_selected(page: Page, service: FakeService) -> None:
    service.documents["draft.md"] = document("draft.md", state="empty", reason="The document contains no text.")
    await page.reload()
    await page.get_by_role("combobox", name="State").select_option("Empty")

    await expect(row(page, "draft.md")).to_have_attribute("data-state", "empty")
    await expect(row(page, "draft.md")).to_contain_text("Empty")
    await expect(row(page, "draft.md")).to_contain_text("The document contains no text.")


async def test_a_waiting_document_shows_that_no_worker_is_running(page: Page, service: FakeService) -> None:
    service.documents["late.md"] = document("late.md", state="queued", reason="No worker is running.")
    await page.reload()

    await expect(row(page, "late.md")).to_contain_text("Queued: no worker is running")


async def test_a_rejected_update_is_shown_and_the_previous_version_stays_ready(page: Page) -> None:
    await add(page, "notes.md", b"# Field notes")
    await expect(row(page, "Field notes")).to_have_attribute("data-state", "ready")
    await add(page, "notes.md", b"\0\1\2")
    await page.get_by_role("dialog").get_by_role("button", name="Replace").click()

    await expect(row(page, "Field notes")).to_contain_text("The update was rejected: The file is binary, not text.")
    await expect(row(page, "Field notes")).to_have_attribute("data-state", "ready")
    await expect(row(page, "Field notes")).to_contain_text("12 passages")


async def test_a_file_of_an_unsupported_format_is_not_uploaded(page: Page) -> None:
    await add(page, "song.mp3", b"ID3")

    await expect(page.get_by_role("region", name="Documents").get_by_role("alert")).to_have_text(
        "“song.mp3” was not added: .mp3 files are not supported."
    )
    await expect(row(page, "song")).to_have_count(0)


async def test_a_file_name_in_any_script_is_kept(page: Page, service: FakeService) -> None:
    names = ["日本.md", "C++ and C# (2).md", "Ελληνικά 🦉.md"]
    for number, name in enumerate(names):
        await add(page, name, f"# Page {number}".encode())
        await expect(row(page, f"Page {number}")).to_have_attribute("data-state", "ready")

    assert service.documents.keys() >= set(names)


async def test_another_file_of_the_same_name_replaces_a_document_after_confirmation_only(page: Page) -> None:
    await add(page, "tour.md", b"# A longer tour")
    question = page.get_by_role("dialog", name="Replace “tour.md”?")
    await question.get_by_role("button", name="Keep the old one").click()
    await expect(row(page, "A guided tour")).to_have_attribute("data-state", "ready")
    await expect(row(page, "A longer tour")).to_have_count(0)

    await add(page, "tour.md", b"# A longer tour")
    await question.get_by_role("button", name="Replace").click()
    await expect(row(page, "A longer tour")).to_have_attribute("data-state", "ready")
    await expect(row(page, "A guided tour")).to_have_count(0)


async def test_files_that_are_added_at_once_are_asked_about_one_after_another(page: Page) -> None:
    await page.evaluate(_DROP, ["tour.md", "# A longer tour"])
    await page.evaluate(_DROP, ["capacity.md", "# More capacity"])
    await page.get_by_role("dialog", name="Replace “tour.md”?").get_by_role("button", name="Replace").click()
    second = page.get_by_role("dialog", name="Replace “capacity.md”?")
    await second.get_by_role("button", name="Keep the old one").click()

    await expect(row(page, "A longer tour")).to_have_attribute("data-state", "ready")
    await expect(row(page, "Capacity planning")).to_have_attribute("data-state", "ready")


async def test_many_documents_are_shown_in_parts(page: Page, service: FakeService) -> None:
    service.documents = {f"note-{n}.md": document(f"note-{n}.md") for n in range(120)}
    await page.reload()
    rows = page.get_by_role("list", name="Documents").get_by_role("listitem")
    more = page.get_by_role("button", name="Load more")

    await expect(rows).to_have_count(50)
    await more.click()
    await expect(rows).to_have_count(100)
    await more.click()
    await expect(rows).to_have_count(120)
    await expect(more).to_be_hidden()


async def test_rows_behind_the_longest_page_stay_if_a_document_is_added(page: Page, service: FakeService) -> None:
    service.documents = {f"note-{n}.md": document(f"note-{n}.md") for n in range(520)}
    await page.reload()
    rows = page.get_by_role("list", name="Documents").get_by_role("listitem")
    for shown in range(50, 520, 50):
        await expect(rows).to_have_count(shown)
        await page.get_by_role("button", name="Load more").click()
    await expect(rows).to_have_count(520)
    await add(page, "new.md", b"# New")

    await expect(row(page, "New")).to_have_attribute("data-state", "ready")
    await expect(rows).to_have_count(521)


async def test_a_search_and_a_state_select_documents(page: Page, service: FakeService) -> None:
    service.documents["broken.md"] = document("broken.md", state="rejected", reason="It is empty.")
    await page.reload()
    rows = page.get_by_role("list", name="Documents").get_by_role("listitem")

    await page.get_by_role("searchbox", name="Search documents").fill("TOUR")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("A guided tour")
    await page.get_by_role("combobox", name="State").select_option("Rejected")
    await expect(page.get_by_text("No document matches.")).to_be_visible()
    await page.get_by_role("searchbox", name="Search documents").fill("")
    await expect(rows).to_contain_text("It is empty.")


async def test_the_page_follows_many_documents_with_one_request_at_a_time(page: Page, service: FakeService) -> None:
    service.documents = {f"late-{n}.md": document(f"late-{n}.md", state="queued") for n in range(300)}
    await page.reload()
    rows = page.get_by_role("list", name="Documents").get_by_role("listitem")
    await expect(rows).to_have_count(50)
    await page.get_by_role("button", name="Load more").click()
    await expect(rows).to_have_count(100)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    before = len(service.lists)

    for stored in service.documents.values():
        stored["state"] = "ready"
    for found in await rows.all():
        await expect(found).to_have_attribute("data-state", "ready")

    # A list covers all rows, and none of them is asked for alone. The first list may have been under way.
    assert len(service.lists) - before <= 2
    assert service.lists[-1]["limit"] == "100"
    assert not [url for url in requests if "/v1/documents/" in url]


async def test_the_page_follows_documents_again_after_a_part_of_the_list_could_not_be_read(
    page: Page, service: FakeService
) -> None:
    service.documents = {f"late-{n}.md": document(f"late-{n}.md", state="queued") for n in range(60)}
    await page.clock.install()
    await page.reload()
    await page.route("**/v1/documents?*cursor=*", lambda route: route.abort())
    await page.get_by_role("button", name="Load more").click()
    alert = page.get_by_role("region", name="Documents").get_by_role("alert")
    await expect(alert).to_contain_text("The service cannot be reached.")

    for stored in service.documents.values():
        stored["state"] = "ready"
    await page.clock.fast_forward("01:00")
    await expect(row(page, "late-59.md")).to_have_attribute("data-state", "ready")
    await expect(alert).to_be_hidden()


async def test_a_document_is_deleted_after_confirmation(page: Page, service: FakeService) -> None:
    service.step = asyncio.Semaphore(0)
    await page.get_by_role("button", name="Delete A guided tour").click()
    await page.get_by_role("dialog", name="Delete “A guided tour”?").get_by_role("button", name="Cancel").click()
    await expect(row(page, "A guided tour")).to_have_attribute("data-state", "ready")

    await page.get_by_role("button", name="Delete A guided tour").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(row(page, "A guided tour")).to_contain_text("Deleting…")
    service.step.release()
    await expect(row(page, "A guided tour")).to_have_count(0)


async def test_without_documents_the_page_shows_how_to_add_one(page: Page, service: FakeService) -> None:
    service.documents.clear()
    await page.reload()
    first_steps = page.get_by_role("region", name="There are no documents yet")
    await expect(first_steps).to_contain_text("python -m ingest run")

    async with page.expect_file_chooser() as chooser:
        await first_steps.get_by_role("button", name="Choose files").click()
    await (await chooser.value).set_files(FilePayload(name="first.md", mimeType="", buffer=b"# The first"))

    await expect(first_steps).to_be_hidden()


async def test_several_documents_are_deleted_at_once_after_confirmation(page: Page) -> None:
    await page.get_by_role("checkbox", name="Select A guided tour").check()
    await page.get_by_role("checkbox", name="Select Capacity planning").check()
    await expect(page.get_by_text("2 documents selected")).to_be_visible()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_role("dialog", name="Delete 2 documents?").get_by_role("button", name="Delete").click()

    await expect(row(page, "A guided tour")).to_have_count(0)
    await expect(row(page, "Capacity planning")).to_have_count(0)
    await expect(row(page, "Operating Groundwork")).to_be_visible()
    await expect(page.get_by_text("selected", exact=False)).to_be_hidden()


async def test_the_list_is_sorted_and_read_again_on_request(page: Page, service: FakeService) -> None:
    await page.get_by_role("combobox", name="Sort by").select_option("By title")
    await expect(row(page, "A guided tour")).to_be_visible()
    service.documents["late.md"] = document("late.md")
    await page.get_by_role("button", name="Refresh documents").click()
    await expect(row(page, "late.md")).to_be_visible()
    assert service.lists[-1]["sort"] == "title"
