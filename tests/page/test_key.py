import pytest
from playwright.async_api import Page, expect

from tests.support.page.fake_service import FakeService

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_401_opens_the_key_dialog_and_the_request_is_retried(page: Page, service: FakeService) -> None:
    service.key = "gw_right"
    await page.reload()
    dialog = page.get_by_role("dialog", name="API key")
    await expect(dialog).to_contain_text("This service requires an API key.")
    await dialog.get_by_label("Key", exact=True).fill("gw_wrong")
    await page.keyboard.press("Enter")
    await expect(dialog).to_contain_text("The service rejected this key.")
    await dialog.get_by_label("Key", exact=True).fill("gw_right")
    await page.keyboard.press("Enter")

    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("list", name="Documents").get_by_role("listitem")).to_have_count(4)
    assert await page.evaluate("Object.values(sessionStorage)") == ["gw_right"]
    assert await page.evaluate("localStorage.length") == 0
    await page.reload()
    await expect(page.get_by_role("button", name="API key")).to_be_visible()
    await expect(dialog).to_be_hidden()


async def test_a_key_can_be_entered_after_the_dialog_was_cancelled(page: Page, service: FakeService) -> None:
    service.key = "gw_right"
    await page.reload()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    documents = page.get_by_role("region", name="Documents")
    await expect(documents.get_by_role("alert")).to_contain_text("This service needs an API key.")

    await page.get_by_role("button", name="API key").click()
    await page.get_by_role("dialog").get_by_label("Key", exact=True).fill("gw_right")
    await page.get_by_role("dialog").get_by_role("button", name="Use key").click()
    await expect(documents.get_by_role("listitem")).to_have_count(4)
    await expect(documents.get_by_role("alert")).to_have_count(0)
