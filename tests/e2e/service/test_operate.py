"""The page's operator view on the real service: its graphs show the questions that the test asked."""

import re

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.support.page.browser import browser, open_page  # noqa: F401
from tests.support.page.graphs import graph, now, quantile
from tests.support.programs import Service

pytestmark = pytest.mark.asyncio(loop_scope="package")

QUESTION = "What does error E1234 mean?"
_LOOK_MS = 60_000


async def test_the_graphs_show_the_questions_that_were_asked(running: Service, browser: Browser) -> None:  # noqa: F811
    async with open_page(browser, running.url) as page:
        await page.get_by_role("link", name="Operate").click()
        await expect(graph(page, "Requests in flight").locator("svg")).to_be_visible()
        before = running.http.get("/metrics").text
        for _ in range(6):
            assert running.ask(QUESTION, mode="quote").status_code == 200
        assert running.ask("Which orchestra plays tonight in Vienna?").json()["declined"]
        after = running.http.get("/metrics").text
        await expect(row(page, "Declined and unsure answers", "declined")).to_contain_text("14.3 %", timeout=_LOOK_MS)

        # A declined answer has a first token, too.
        for name, q in {"p50": 0.5, "p95": 0.95, "p99": 0.99}.items():
            expected = quantile(q, before, after, "rag_time_to_first_token_seconds")
            assert await now(page, "Time to first token", name) == pytest.approx(expected)
        await expect(graph(page, "Time to first token").locator("path")).to_have_count(3)
        for stage in ("embed", "search", "first token"):
            assert await now(page, "Time by stage", stage) > 0
        await expect(graph(page, "Requests by outcome").locator("path.band")).not_to_have_count(0)
        assert await now(page, "Requests by outcome", "ok") > 0
        assert await now(page, "Documents in progress", "queued") == 0
        await expect(graph(page, "Gate utilisation").locator("svg")).to_be_visible()
        await expect(page.get_by_role("region", name="Drift")).to_contain_text("There is no reference")
        named = await graph(page, "Time to first token").get_by_role("img").get_attribute("aria-label")
        assert re.match(r"Time to first token\. p50: now [\d.,]+ m?s, maximum", named)


def row(page: Page, title: str, series: str) -> Locator:
    return graph(page, title).get_by_role("row").filter(has=page.get_by_role("rowheader", name=series))
