"""Keyboard operation and small screens."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from playwright.async_api import Page, expect

from tests.support.page.fake_service import FakeService
from tests.support.page.script import CITATIONS, AnswerRequest, Event, document, done

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def tab_to(page: Page, name: str, *, role: Literal["button", "checkbox"] = "button", key: str = "Tab") -> None:
    """Press Tab until the control with this accessible name has the focus."""
    target = page.get_by_role(role, name=name)
    for _ in range(30):
        await page.keyboard.press(key)
        if await target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{key} does not reach {name}")


async def test_every_action_is_possible_with_the_keyboard(page: Page) -> None:
    await expect(page.get_by_label("Question")).to_be_focused()
    await page.keyboard.type("Does the service")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("stop?")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("article").get_by_role("heading", level=2)).to_have_text("Does the service\nstop?")
    await expect(page.get_by_role("article").get_by_role("status")).to_contain_text("Answered from 2 of 3 passages")

    await page.keyboard.press("Shift+Tab")
    await tab_to(page, "Citation 2", key="Shift+Tab")
    outline = await page.locator(":focus").evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("region", name="Passage 2")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("region", name=re.compile(r"^Passage \d"))).to_be_hidden()
    await expect(page.get_by_role("button", name="Citation 2")).to_be_focused()

    await tab_to(page, "Select Fuse dense and BM25", role="checkbox")
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("checkbox", name="Select Capacity planning")).to_be_focused()
    await page.keyboard.press("Delete")
    await expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("checkbox", name="Select Capacity planning")).to_have_count(0)
    # The focus goes to the row that took its place.
    await expect(page.get_by_role("checkbox", name="Select A guided tour")).to_be_focused()


async def test_tab_passes_a_long_list_of_documents_in_one_step(page: Page, service: FakeService) -> None:
    service.documents = {f"note-{n}.md": document(f"note-{n}.md") for n in range(70)}
    await page.reload()
    await expect(page.get_by_role("checkbox")).to_have_count(50)
    await tab_to(page, "Select note-69.md", role="checkbox")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Load more")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("End")
    await expect(page.get_by_role("checkbox", name="Select note-20.md")).to_be_focused()


async def test_escape_in_a_dialog_keeps_the_passage_open(page: Page) -> None:
    # Only a narrow page shows the passage and the documents at the same time.
    await page.set_viewport_size({"width": 800, "height": 900})
    await page.get_by_label("Question").fill("Does the service stop?")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Citation 1").click()
    await page.get_by_role("link", name="Documents").press("Enter")
    await page.get_by_role("button", name="Delete A guided tour").press("Enter")
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.get_by_role("region", name="Passage 1")).to_be_visible()


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


async def test_a_phone_shows_the_documents_in_a_view_of_their_own(page: Page) -> None:
    await page.set_viewport_size({"width": 360, "height": 740})
    documents = page.get_by_role("region", name="Documents")
    await expect(documents).to_be_hidden()
    await page.get_by_role("link", name="Documents").click()
    await expect(documents).to_be_visible()
    await expect(page.get_by_label("Question")).to_be_hidden()
    await page.go_back()
    await expect(page.get_by_label("Question")).to_be_visible()


@pytest.mark.parametrize("width", [320, 360, 1024])
async def test_the_page_never_scrolls_sideways(page: Page, service: FakeService, width: int) -> None:
    async def has_no_overflow() -> bool:
        return await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    async def wide(_: AnswerRequest) -> AsyncIterator[Event]:
        table = f"|{'column|' * 30}\n|{'--|' * 30}\n|{'value|' * 30}\n\n"
        text = f"{table}```\n{'long line ' * 40}\n```\n{'x' * 300} [1] [2]"
        yield "sources", {"sources": CITATIONS}
        yield "done", done(text, cited=(1, 2))

    service.answer = wide
    service.documents["long"] = {**service.documents["tour.md"], "id": "long", "title": "Un" + "break" * 40 + "able"}
    await page.set_viewport_size({"width": width, "height": 740})
    await page.goto(f"{service.url}/#documents")
    await page.reload()
    await expect(page.get_by_role("listitem").filter(has_text="Unbreak")).to_be_visible()
    assert await has_no_overflow()
    await page.get_by_role("link", name="Ask").click()
    await page.get_by_label("Question").fill("Does the service stop?" + "x" * 300)
    await page.keyboard.press("Enter")
    await page.get_by_text("Details", exact=True).click()
    await expect(page.get_by_role("group", name="Stages")).to_be_visible()
    assert await has_no_overflow()
    await page.get_by_role("button", name="Citation 2").click()
    await expect(page.get_by_role("region", name=re.compile(r"^Passage \d")).locator("mark")).to_be_in_viewport()
    assert await has_no_overflow()
