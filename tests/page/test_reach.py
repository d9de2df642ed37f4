"""Keyboard operation and small screens."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from tests.support.page.fake_service import FakeService
from tests.support.page.script import AnswerRequest, Event

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until the button with this accessible name has the focus."""
    target = page.get_by_role("button", name=name)
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {name}")


async def test_every_action_is_possible_with_the_keyboard(page: Page) -> None:
    await expect(page.get_by_label("Question")).to_be_focused()
    await page.keyboard.type("Does the service")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("stop?")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("article").get_by_role("heading", level=2)).to_have_text("Does the service\nstop?")
    await expect(page.get_by_role("region", name="Stages")).to_be_visible()

    await tab_to(page, "Citation 2")
    outline = await page.locator(":focus").evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("complementary", name="Passage 2")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("complementary")).to_be_hidden()
    await expect(page.get_by_role("button", name="Citation 2")).to_be_focused()

    await tab_to(page, "Delete Capacity planning")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Delete Capacity planning")).to_have_count(0)


async def test_escape_in_a_dialog_keeps_the_passage_open(page: Page) -> None:
    # Only a narrow page shows the passage and the documents at the same time.
    await page.set_viewport_size({"width": 800, "height": 900})
    await page.get_by_label("Question").fill("Does the service stop?")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Citation 1").click()
    await page.get_by_role("button", name="Delete A guided tour").press("Enter")
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.get_by_role("complementary", name="Passage 1")).to_be_visible()


async def test_the_focus_moves_between_the_ask_and_stop_buttons(page: Page, service: FakeService) -> None:
    async def never(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": []}
        await asyncio.Event().wait()

    service.answer = never
    await page.get_by_label("Question").fill("Does the service stop?")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await expect(page.get_by_role("button", name="Stop")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Ask", exact=True)).to_be_focused()


@pytest.mark.parametrize("width", [320, 360, 1024])
async def test_the_page_never_scrolls_sideways(page: Page, service: FakeService, width: int) -> None:
    service.documents["long"] = {**service.documents["tour.md"], "id": "long", "title": "Un" + "break" * 40 + "able"}
    await page.set_viewport_size({"width": width, "height": 740})
    await page.reload()

    async def has_no_overflow() -> bool:
        return await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    await expect(page.get_by_role("listitem").filter(has_text="Unbreak")).to_be_visible()
    assert await has_no_overflow()
    await page.get_by_label("Question").fill("Does the service stop?" + "x" * 300)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("region", name="Stages")).to_be_visible()
    assert await has_no_overflow()
    await page.get_by_role("button", name="Citation 2").click()
    await expect(page.get_by_role("complementary").locator("mark")).to_be_in_viewport()
    assert await has_no_overflow()
