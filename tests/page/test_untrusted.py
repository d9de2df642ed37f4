"""Documents and answers are not trusted: their markup is shown as text and never executed."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from tests.support.page.fake_service import FakeService
from tests.support.page.script import CITATIONS, AnswerRequest, Event, document, done

pytestmark = pytest.mark.asyncio(loop_scope="package")

HOSTILE = '<script>document.title = "run"</script><img src="//elsewhere.example/x" onerror="document.title = \'run\'">'


async def test_markup_in_titles_passages_and_answers_is_shown_as_text(page: Page, service: FakeService) -> None:
    citation = {**CITATIONS[0], "title": HOSTILE, "heading_path": [HOSTILE], "text": HOSTILE, "quote": HOSTILE}

    async def hostile(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": [citation]}
        yield "token", {"text": f"{HOSTILE} [1]"}
        yield "done", {**done(f"{HOSTILE} [1]"), "citations": [citation], "model": HOSTILE}

    service.answer = hostile
    service.documents = {"bad.md": document("bad.md", title=HOSTILE)}
    await page.reload()
    await page.get_by_label("Question").fill(HOSTILE)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Citation 1").click()

    await expect(page.get_by_role("region", name=re.compile(r"^Passage \d")).locator("mark")).to_have_text(HOSTILE)
    await expect(page.get_by_role("region", name=re.compile(r"^Passage \d")).get_by_role("heading")).to_have_text(
        HOSTILE
    )
    await expect(page.get_by_role("article").get_by_role("heading", level=2)).to_have_text(HOSTILE)
    await expect(page.get_by_role("article").locator("[aria-live]")).to_have_text(f"{HOSTILE} 1")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("list", name="Documents").get_by_role("listitem")).to_contain_text(HOSTILE)
    assert await page.title() == "Groundwork"
    assert await page.locator("body script, body img:not(header img)").count() == 0


@pytest.mark.parametrize(("uri", "links"), [("javascript:alert(1)", 0), ("https://groundwork.example/a", 1)])
async def test_only_http_urls_become_links(page: Page, service: FakeService, uri: str, links: int) -> None:
    async def cite(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": [{**CITATIONS[0], "uri": uri}]}
        yield "token", {"text": "There [1]."}
        yield "done", {**done("There [1]."), "citations": [{**CITATIONS[0], "uri": uri}]}

    service.answer = cite
    await page.get_by_label("Question").fill("Where?")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Citation 1").click()

    await expect(page.get_by_role("region", name=re.compile(r"^Passage \d"))).to_contain_text(uri)
    await expect(page.get_by_role("region", name=re.compile(r"^Passage \d")).get_by_role("link")).to_have_count(links)
