"""Conversations are kept, found again by their address, and rated."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.page.fake_service import FakeService
from tests.support.page.script import CITATIONS, AnswerRequest, Event, done

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def ask(page: Page, question: str) -> None:
    answers = page.get_by_role("article", name="Answer")
    before = await answers.count()
    await page.get_by_label("Question").fill(question)
    await page.keyboard.press("Enter")
    await expect(answers).to_have_count(before + 1)
    await expect(answers.last.get_by_role("button", name="Ask again")).to_be_visible()


async def test_a_follow_up_belongs_to_the_conversation_and_a_reload_shows_it_again(
    page: Page, service: FakeService
) -> None:
    await ask(page, "Does the service stop?")
    await ask(page, "And the worker?")
    first, second = service.requests
    assert first["conversation_id"] == second["conversation_id"]
    assert page.url.endswith(f"#ask/{first['conversation_id']}")

    await page.reload()
    answers = page.get_by_role("article", name="Answer")
    await expect(answers.get_by_role("heading", level=2)).to_have_text(["Does the service stop?", "And the worker?"])
    await answers.first.get_by_role("button", name="Citation 1").click()
    await expect(page.get_by_role("region", name="Passage 1")).to_contain_text(CITATIONS[0]["quote"])
    await ask(page, "And the queue?")
    assert service.requests[-1]["conversation_id"] == first["conversation_id"]


async def test_a_passage_of_a_reloaded_conversation_shows_the_text_around_it(page: Page) -> None:
    passage = await open_kept_passage(page)
    await expect(passage.get_by_role("blockquote")).to_have_text(CITATIONS[0]["quote"])
    await passage.get_by_role("button", name="Show the text around it").click()

    await expect(passage.locator(".document-text p")).to_have_text(
        [f"Passage {n} of operating.md." for n in (2, 3, 5, 6)]
    )
    await expect(passage.get_by_role("blockquote")).to_have_text(CITATIONS[0]["text"])
    await expect(passage.locator("mark")).to_have_text(CITATIONS[0]["quote"])


async def test_a_passage_whose_document_has_changed_since_is_not_mixed_with_other_text(
    page: Page, service: FakeService
) -> None:
    passage = await open_kept_passage(page)
    service.documents_changed = True
    await passage.get_by_role("button", name="Show the text around it").click()

    await expect(passage).to_contain_text("The document has changed since this answer")
    await expect(passage.get_by_role("blockquote")).to_have_text(CITATIONS[0]["quote"])
    await expect(passage).not_to_contain_text("Rewritten.")


async def test_a_passage_that_an_earlier_version_kept_without_its_position_has_no_text_around_it(
    page: Page, service: FakeService
) -> None:
    await ask(page, "Does the service stop?")
    for turns in service.conversations.values():
        for citation in turns[0]["citations"]:
            citation["ordinal"] = None
    passage = await open_kept_passage(page, is_asked=True)
    await expect(passage.get_by_role("blockquote")).to_have_text(CITATIONS[0]["quote"])
    await expect(passage.get_by_role("button", name="Show the text around it")).to_be_hidden()


async def open_kept_passage(page: Page, *, is_asked: bool = False) -> Locator:
    """Open the first passage of a conversation that the page has read from the service."""
    if not is_asked:
        await ask(page, "Does the service stop?")
    await page.reload()
    await page.get_by_role("button", name="Citation 1").click()
    return page.get_by_role("region", name="Passage 1")


async def test_the_side_bar_lists_conversations_and_opens_one(page: Page, service: FakeService) -> None:
    await ask(page, "Does the service stop?")
    await page.get_by_role("button", name="New conversation").click()
    await expect(page.get_by_role("article", name="Answer")).to_have_count(0)
    await ask(page, "How much memory?")
    links = page.get_by_role("region", name="Conversations").get_by_role("link")
    await expect(links).to_have_text(["How much memory?", "Does the service stop?"])
    await expect(links.first).to_have_attribute("aria-current", "true")

    await links.last.click()
    heading = page.get_by_role("article", name="Answer").get_by_role("heading", level=2)
    await expect(heading).to_have_text("Does the service stop?")
    await page.go_back()
    await expect(heading).to_have_text("How much memory?")
    assert len(service.conversations) == 2


async def test_a_deleted_conversation_leaves_the_page(page: Page, service: FakeService) -> None:
    await ask(page, "Does the service stop?")
    await page.get_by_role("button", name="Delete conversation Does the service stop?").click()

    await expect(page.get_by_role("article", name="Answer")).to_have_count(0)
    await expect(page.get_by_role("region", name="Conversations")).to_be_hidden()
    assert service.conversations == {}


async def test_an_unknown_conversation_says_so(page: Page, service: FakeService) -> None:
    await page.goto(f"{service.url}/#ask/gone")

    await expect(page.locator("#thread-failure")).to_have_text("There is no such conversation.")


async def test_a_rewritten_follow_up_and_a_turn_that_was_not_kept_say_so(page: Page, service: FakeService) -> None:
    async def rewritten(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        kept = {"id": "c", "is_kept": False}
        yield "done", {**done("No [1].", cited=(1,)), "question": "Does the worker stop?", "conversation": kept}

    service.answer = rewritten
    await ask(page, "And the worker?")

    answer = page.get_by_role("article", name="Answer")
    await expect(answer).to_contain_text("Searched for: Does the worker stop?")
    await expect(answer.get_by_role("status").first).to_contain_text("could not be kept")


async def test_an_answer_is_rated_and_the_reason_can_be_given(page: Page, service: FakeService) -> None:
    await ask(page, "Does the service stop?")
    answer = page.get_by_role("article", name="Answer")
    await answer.get_by_role("button", name="Good answer").click()
    await expect(answer.get_by_text("Thank you.")).to_be_visible()
    assert service.ratings == {"answer-1": {"rating": "up", "reason": ""}}

    await answer.get_by_role("button", name="Good answer").click()
    await expect(answer.get_by_text("The rating was withdrawn.")).to_be_visible()
    assert service.ratings == {}

    await answer.get_by_role("button", name="Bad answer").click()
    await expect(answer.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    await page.keyboard.type("It is about another pump.")
    async with page.expect_response(lambda response: "another pump" in (response.request.post_data or "")):
        await page.keyboard.press("Enter")
    await expect(answer.get_by_label("What is wrong?")).to_be_hidden()
    assert service.ratings["answer-1"] == {"rating": "down", "reason": "It is about another pump."}
