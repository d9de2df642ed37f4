"""axe finds no violation of WCAG in any view, in either colour scheme."""

from collections.abc import AsyncIterator
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.support.page.fake_service import FakeService
from tests.support.page.script import CITATIONS, AnswerRequest, Event, document, done

pytestmark = pytest.mark.asyncio(loop_scope="package")

_ANSWER = """## Set the port

1. Open `.env` [1]
2. Set **RAG_PORT** [2]

| setting | default |
|---|--:|
| RAG_PORT | 8000 |

```sh
make run
```

> See the [reference](https://groundwork.example/reference).
"""


async def expect_no_violation(page: Page) -> None:
    results = await Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_no_violation(
    page: Page, service: FakeService, scheme: Literal["light", "dark"], width: int
) -> None:
    async def whole(request: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        if request["question"] == "Is this sure?":
            yield "done", done(f"This may not answer your question:\n\n{_ANSWER}", cited=(1, 2), unsure=True)
        else:
            yield "done", done(_ANSWER, cited=(1, 2))

    service.answer = whole
    service.documents["broken.md"] = document("broken.md", state="rejected", reason="The file is binary.")
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 800})
    await page.reload()
    await expect_no_violation(page)

    await page.get_by_label("Question").fill("How do I set the port?")
    await page.keyboard.press("Enter")
    await page.get_by_text("Details", exact=True).click()
    await page.get_by_role("button", name="Citation 1").click()
    await page.get_by_role("button", name="Show the text around it").click()
    await expect(page.get_by_role("region", name="Passage 1")).to_contain_text("Passage 5 of operating.md.")
    await expect_no_violation(page)
    await page.keyboard.press("Escape")

    await page.get_by_label("Question").fill("Is this sure?")
    await page.keyboard.press("Enter")
    unsure = page.get_by_role("article", name="Answer").last
    await expect(unsure.get_by_role("status")).to_contain_text("Not sure")
    await unsure.get_by_text("Details", exact=True).click()
    await expect_no_violation(page)

    await page.goto(f"{service.url}/#documents")
    await page.get_by_role("checkbox", name="Select broken.md").check()
    await expect_no_violation(page)

    await page.goto(f"{service.url}/#operate")
    await expect(page.get_by_role("heading", name="Operate")).to_be_visible()
    await expect_no_violation(page)
