import asyncio

import pytest
from playwright.async_api import FilePayload, Locator, Page, Route, expect

from tests.support.page.fake_service import FakeService

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
    await page.route("**/v1/documents", delay)
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


async def test_a_rejected_update_is_shown_and_the_previous_version_stays_ready(page: Page) -> None:
    await add(page, "notes.md", b"# Field notes")
    await expect(row(page, "Field notes")).to_have_attribute("data-state", "ready")
    await add(page, "notes.md", b"\0\1\2")

    await expect(row(page, "Field notes")).to_contain_text("The update was rejected: The file is binary, not text.")
    await expect(row(page, "Field notes")).to_have_attribute("data-state", "ready")
    await expect(row(page, "Field notes")).to_contain_text("12 passages")


async def test_a_file_of_an_unsupported_format_is_not_uploaded(page: Page) -> None:
    await add(page, "photo.jpg", b"JFIF")

    await expect(page.get_by_role("region", name="Documents").get_by_role("alert")).to_have_text(
        "“photo.jpg” was not added: .jpg files are not supported."
    )
    await expect(row(page, "photo")).to_have_count(0)


async def test_a_file_name_is_converted_to_a_valid_id(page: Page, service: FakeService) -> None:
    await add(page, "Über uns (2).md", b"# About us")

    await expect(row(page, "About us")).to_have_attribute("data-state", "ready")
    assert "Über-uns-2-.md" in service.documents


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
    await expect(page.get_by_role("region", name="Examples").get_by_role("button")).to_have_text(
        "What is “The first” about?"
    )
