"""The first minutes of a user with the page, on the real service.

The pictures of the documentation are taken on the way; TEST_SCREENSHOTS=<folder> keeps them.
"""

import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Locator, Page, expect

from tests.support.page.browser import browser, open_page  # noqa: F401
from tests.support.page.plant import GENERATOR, PLANT, QUESTION
from tests.support.programs import Service, service

pytestmark = pytest.mark.asyncio(loop_scope="package")

# The model shares its cores with the tests.
_ANSWER_MS = 180_000
_INGEST_MS = 120_000

_KEPT_SCREENSHOTS = os.environ.get("TEST_SCREENSHOTS")

_RECORD_TEXTS = """() => {
    window.texts = new Set();
    new MutationObserver(() => {
        const text = document.querySelector(".answer:last-child [aria-live]")?.textContent;
        if (text) window.texts.add(text);
    }).observe(document.getElementById("thread"), { childList: true, characterData: true, subtree: true });
}"""


@pytest.fixture
def never_sure(ingested: Callable[[Path], Path], handbook: Path) -> Iterator[Service]:
    with service(ingested(handbook), RAG_ANSWERING__MIN_CONFIDENCE="0", RAG_ANSWERING__SURE_CONFIDENCE="1") as started:
        yield started


@pytest_asyncio.fixture(loop_scope="package")
async def page(running: Service, browser: Browser) -> AsyncIterator[Page]:  # noqa: F811
    async with open_page(browser, running.url) as page:
        yield page


async def ask(page: Page, question: str, mode: str = "") -> Locator:
    """Ask a question and return the finished answer."""
    await page.get_by_role("combobox", name="Answer").select_option(mode)
    await page.get_by_label("Question").fill(question)
    await page.get_by_role("button", name="Ask", exact=True).click()
    answer = page.get_by_role("article", name="Answer").last
    await expect(answer.get_by_role("heading", level=2)).to_have_text(question)
    await expect(answer.locator("[aria-live]")).to_have_attribute("aria-busy", "false", timeout=_ANSWER_MS)
    return answer


async def stages_of(answer: Locator) -> Locator:
    """Open the details of the answer and return its stages."""
    await answer.get_by_text("Details", exact=True).click()
    return answer.get_by_role("group", name="Stages")


async def upload(page: Page, name: str, body: bytes, title: str) -> None:
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Add documents").click()
    await (await chooser.value).set_files(FilePayload(name=name, mimeType="", buffer=body))
    await expect(row(page, title)).to_have_attribute("data-state", "ready", timeout=_INGEST_MS)


def row(page: Page, title: str) -> Locator:
    return page.get_by_role("list", name="Documents").get_by_role("listitem").filter(has_text=title)


async def test_a_citation_opens_the_passage_and_marks_the_quote(page: Page) -> None:
    answer = await ask(page, "What does error E1234 mean?")

    await expect(answer.locator("[aria-live]")).to_contain_text("Error E1234 means that the oil level is too low.")
    stages = await stages_of(answer)
    await expect(stages).to_contain_text("Quoted from the documents")
    assert [text.split("\n")[0] for text in await stages.get_by_role("listitem").all_inner_texts()] == [
        "Embed",
        "Search",
        "Quote",
        "First token",
        "Generate",
    ]
    for bar in await stages.locator(".stage-bar").all():
        await expect(bar).to_be_visible()

    await answer.get_by_role("button", name="Citation 1").first.click()
    passage = page.get_by_role("region", name="Passage 1")
    await expect(passage.locator("mark")).to_contain_text("Error E1234 means that the oil level is too low.")
    await expect(passage.get_by_role("heading")).to_have_text("Pump handbook")


async def test_the_models_words_appear_while_it_writes(page: Page) -> None:
    texts_shown = []
    for _ in range(3):
        await page.evaluate(_RECORD_TEXTS)
        answer = await ask(page, "Who designed the Kestrel pump?", mode="generate")
        texts_shown.append(await page.evaluate("window.texts.size"))

    # The maximum, because after a stall of the machine several words appear together.
    assert max(texts_shown) > 3
    stages = await stages_of(answer)
    await expect(stages).to_contain_text("Written by SmolLM2-135M-Instruct")
    await expect(stages).to_contain_text("answer token")


async def test_a_question_that_the_documents_do_not_answer_is_declined(page: Page) -> None:
    answer = await ask(page, "Which orchestra plays tonight in Vienna?")

    await expect(answer).to_contain_text("Nothing near enough")
    await expect(answer.get_by_role("group", name="Passages").get_by_role("listitem")).to_have_count(3)


async def test_an_unsure_answer_shows_its_probability(never_sure: Service, browser: Browser) -> None:  # noqa: F811
    async with open_page(browser, never_sure.url) as page:
        answer = await ask(page, "What does error E1234 mean?")

        await expect(answer.locator("[aria-live]")).to_contain_text("This may not answer your question:")
        await expect(answer.get_by_role("status")).to_contain_text("Not sure: no passage clearly answers")
        await stages_of(answer)
        await expect(answer).to_contain_text(
            re.compile(r"answers with a probability of [01]\.\d\d, below 1\.00: shown as unsure\.")
        )


async def test_an_uploaded_document_answers_until_it_is_deleted(page: Page) -> None:
    question = "How is the test of the emergency generator started by hand?"
    await upload(page, "generator.md", GENERATOR.encode(), "Emergency generator")

    answer = await ask(page, question)
    await expect(answer.locator("[aria-live] pre code")).to_have_text("gensetctl test --minutes 20")
    await expect(answer.get_by_role("group", name="Passages")).to_contain_text("Emergency generator")

    await page.get_by_role("button", name="Delete Emergency generator").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(row(page, "Emergency generator")).to_have_count(0, timeout=_INGEST_MS)
    answer = await ask(page, question)
    await expect(answer).not_to_contain_text("gensetctl")
    await expect(row(page, "Pump handbook")).to_have_attribute("data-state", "ready")


@pytest.mark.nightly  # The other tests take the same steps on a running service.
async def test_the_pictures_of_the_documentation_can_be_taken(browser: Browser, data_dir: Path) -> None:  # noqa: F811
    folder = Path(_KEPT_SCREENSHOTS or data_dir)
    with service(data_dir) as plant:
        for name, text in PLANT.items():
            plant.put(name, text.encode())
        for name in PLANT:
            plant.wait_for_state(name, "ready")
        await take_answer(browser, plant, folder / "ask-light.png")
        await take_answer(browser, plant, folder / "ask-dark.png", color_scheme="dark")
        phone = {"viewport": {"width": 412, "height": 915}, "device_scale_factor": 1.5}
        await take_answer(browser, plant, folder / "phone.png", **phone)
        await take_documents(browser, plant, folder / "documents.png")


async def take_answer(browser: Browser, plant: Service, picture: Path, **options) -> None:  # noqa: F811
    options = {"viewport": {"width": 1280, "height": 960}, "device_scale_factor": 1.25} | options
    # The first answers of a process are slower, and the pictures show durations.
    for _ in range(3):
        plant.ask(QUESTION)
    async with open_page(browser, plant.url, **options) as page:
        # A phone hides the list.
        await expect(page.locator("#document-list li").filter(has_text="Pump handbook")).to_have_count(1)
        await ask(page, QUESTION)
        await page.get_by_role("button", name="Citation").first.click()
        await page.mouse.move(0, 0)
        await page.screenshot(path=picture)


async def take_documents(browser: Browser, plant: Service, picture: Path) -> None:  # noqa: F811
    options = {"viewport": {"width": 1080, "height": 640}, "device_scale_factor": 1.25}
    plant.put("scan-of-2019.pdf", b"not a PDF", media_type="application/pdf")
    plant.wait_for_state("scan-of-2019.pdf", "rejected")
    plant.put("incident-log.md", "\n".join([*PLANT.values()] * 300).encode())
    async with open_page(browser, plant.url, **options) as page:
        await expect(row(page, "incident-log.md")).to_contain_text("Processing")
        await page.screenshot(path=picture)


async def test_an_answer_shows_its_explanation(page: Page) -> None:
    answer = await ask(page, "What does error E1234 mean?", "generate")
    await stages_of(answer)
    rows = answer.get_by_role("table").get_by_role("row")
    await expect(rows.filter(has_text="Faults")).to_contain_text(re.compile("cited|selected"))
    await expect(answer.get_by_text("The nearest passage reaches")).to_be_visible()
    await answer.get_by_text("What the model read").click()
    await expect(answer.locator("pre").filter(has_text="What does error E1234 mean?")).to_be_visible()
    await expect(answer.get_by_text("system: about")).to_be_visible()
