import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.page.fake_service import FakeService
from tests.support.page.script import ANSWER, CITATIONS, QUOTED, TIMINGS, AnswerRequest, Event, done

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def ask(page: Page, question: str) -> None:
    await page.get_by_label("Question").fill(question)
    await page.get_by_role("button", name="Ask", exact=True).click()


async def open_details(page: Page) -> None:
    await page.get_by_text("Details", exact=True).click()


async def test_tokens_appear_one_after_another(page: Page, service: FakeService) -> None:
    resume = asyncio.Event()

    async def in_two_steps(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        yield "token", {"text": "First"}
        await resume.wait()
        yield "token", {"text": ", then second."}
        yield "done", done("First, then second.")

    service.answer = in_two_steps
    await ask(page, "In steps?")

    text = page.get_by_role("article", name="Answer").locator("[aria-live]")
    await expect(text).to_have_text("First")
    await expect(text).to_have_attribute("aria-busy", "true")
    resume.set()
    await expect(text).to_have_text("First, then second.")
    await expect(text).to_have_attribute("aria-busy", "false")


async def test_passages_are_shown_while_the_model_works_and_a_late_error_has_the_request_id(
    page: Page, service: FakeService
) -> None:
    fail = asyncio.Event()

    async def slow(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        await fail.wait()
        yield "error", {"status": 503, "detail": "The model server failed.", "retryable": True, "request_id": "r-17"}

    service.answer = slow
    await ask(page, "Slowly?")

    answer = page.get_by_role("article", name="Answer")
    await expect(answer.get_by_role("status")).to_have_text("Reading 3 passages…")
    await expect(page.get_by_role("group", name="Passages").get_by_role("listitem")).to_have_count(3)
    fail.set()
    await expect(answer.get_by_role("alert")).to_have_text(
        "The model server failed. Try again in a moment. Request r-17."
    )


async def test_markers_become_buttons_even_if_split_between_tokens(page: Page) -> None:
    await ask(page, "Does the service stop?")

    answer = page.get_by_role("article", name="Answer")
    await expect(answer.get_by_role("button", name="Citation")).to_have_count(2)
    await expect(answer.locator("[aria-live]")).to_have_text(re.sub(r"[\[\]]", "", ANSWER))


async def test_a_bracketed_number_without_a_citation_stays_text(page: Page, service: FakeService) -> None:
    async def with_other_brackets(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        yield "token", {"text": "See items[7] and [2024], an open ["}
        yield "done", done("See items[7] and [2024], an open [")

    service.answer = with_other_brackets
    await ask(page, "Which item?")

    answer = page.get_by_role("article", name="Answer")
    await expect(answer.locator("[aria-live]")).to_have_text("See items[7] and [2024], an open [")
    await expect(answer.get_by_role("button", name="Citation")).to_have_count(0)


async def test_the_final_text_replaces_the_streamed_text(page: Page, service: FakeService) -> None:
    async def revised(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        yield "token", {"text": "Unsupported."}
        yield "done", done("Supported [1].", cited=(1,))

    service.answer = revised
    await ask(page, "Is it supported?")

    await expect(page.get_by_role("article", name="Answer").locator("[aria-live]")).to_have_text("Supported 1.")
    await expect(page.get_by_role("button", name="Citation 1")).to_be_visible()


async def test_a_sentence_without_support_has_a_note_behind_it(page: Page, service: FakeService) -> None:
    text = "It stops \N{ROCKET} never [1]. It flies [2].\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nfly\n```"
    unsupported = [
        {"text": part, "start": text.index(part)} for part in ("It flies [2].", "| 1 | 2 |", "```\nfly\n```")
    ]

    async def flagged(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        yield "token", {"text": text}
        groundedness = {"supported": 1, "withheld": 0, "unsupported": unsupported}
        yield "done", done(text, cited=(1, 2)) | {"groundedness": groundedness}

    service.answer = flagged
    await ask(page, "Does it fly?")

    answer = page.get_by_role("article", name="Answer")
    await expect(answer.locator("[aria-live] > p").first).to_have_text(
        "It stops \N{ROCKET} never 1. It flies 2.Not supported by the passages"
    )
    await expect(answer.get_by_role("cell", name="2")).to_have_text("2 Not supported by the passages")
    await expect(answer.get_by_text("Not supported by the passages")).to_have_count(3)
    await expect(answer.locator("code")).to_have_text("fly")


async def test_an_answer_that_was_withheld_says_so(page: Page, service: FakeService) -> None:
    async def withheld(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        yield "token", {"text": "It is withheld."}
        groundedness = {"supported": 0, "withheld": 2, "unsupported": []}
        yield "done", done("It is withheld.", declined=True) | {"groundedness": groundedness}

    service.answer = withheld
    await ask(page, "Does it fly?")
    answer = page.get_by_role("article", name="Answer")
    await expect(answer).to_contain_text("Withheld: the passages do not support what the model wrote")


async def test_a_citation_opens_its_passage_with_the_quote_highlighted(page: Page) -> None:
    await ask(page, "Does the service stop?")
    await page.get_by_role("button", name="Citation 1").click()

    passage = page.get_by_role("region", name="Passage 1")
    await expect(passage.get_by_role("heading")).to_have_text("Operating Groundwork")
    await expect(passage).to_contain_text(
        "Publishing \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} Revisions · line 17"
    )
    await expect(passage).to_contain_text("docs/operating.md")
    await expect(passage).to_contain_text("0.0328")
    await expect(passage.get_by_role("blockquote")).to_have_text(CITATIONS[0]["text"])


async def test_an_open_passage_shows_the_text_of_its_document_around_it(page: Page) -> None:
    await ask(page, "Does the service stop?")
    await page.get_by_role("button", name="Citation 1").click()
    passage = page.get_by_role("region", name="Passage 1")
    await passage.get_by_role("button", name="Show the text around it").click()

    await expect(passage.locator(".document-text p")).to_have_text(
        [f"Passage {n} of operating.md." for n in (2, 3, 5, 6)]
    )
    order = await passage.inner_text()
    assert order.index("Passage 3") < order.index("The writer owns") < order.index("Passage 5")
    await expect(passage.get_by_role("blockquote")).to_be_in_viewport()
    await expect(passage).to_be_focused()


async def test_the_text_around_a_passage_is_shown_although_the_answer_ends_meanwhile(
    page: Page, service: FakeService
) -> None:
    finish, read = asyncio.Event(), asyncio.Event()

    async def slow(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        yield "token", {"text": "It drains [1]."}
        await finish.wait()
        yield "done", done("It drains [1].", cited=(1,))

    async def hold(route: Route) -> None:
        await read.wait()
        await route.continue_()

    service.answer = slow
    await page.route("**/passages?*", hold)
    await ask(page, "Does the service stop?")
    await page.get_by_role("button", name="Citation 1").click()
    passage = page.get_by_role("region", name="Passage 1")
    async with page.expect_request("**/passages?*"):
        await passage.get_by_role("button", name="Show the text around it").click()
    finish.set()
    await expect(page.get_by_role("button", name="Good answer")).to_be_visible()
    read.set()
    await expect(passage.locator(".document-text p")).to_have_count(4)


async def test_a_cited_page_of_a_pdf_is_opened_at_that_page(page: Page, service: FakeService) -> None:
    async def pdf(_: AnswerRequest) -> AsyncIterator[Event]:
        source = {**CITATIONS[0], "uri": "https://groundwork.example/plan.pdf", "place": {"page": 3}}
        yield "sources", {"sources": [source]}
        yield "done", {**done("There [1]."), "citations": [source]}

    service.answer = pdf
    await ask(page, "Where?")
    await page.get_by_role("button", name="Citation 1").click()

    await expect(page.get_by_role("region", name=re.compile(r"^Passage \d")).get_by_role("link")).to_have_attribute(
        "href", "https://groundwork.example/plan.pdf#page=3"
    )


async def test_a_source_shows_the_place_of_its_passage(page: Page, service: FakeService) -> None:
    places = [
        ({"page": 3}, "page 3"),
        ({"slide": 2}, "slide 2"),
        ({"sheet": "Sales", "rows": [4, 9]}, "sheet Sales, rows 4\N{EN DASH}9"),
        ({"rows": [7, 7], "line": 7}, "row 7"),
        ({"line": 17}, "line 17"),
        ({}, ""),
    ]
    sources = [{**CITATIONS[0], "n": n, "heading_path": [], "place": place} for n, (place, _) in enumerate(places, 1)]

    async def placed(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": sources}
        yield "done", done("Here [1].", cited=(1,))

    service.answer = placed
    await ask(page, "Where?")

    paths = page.get_by_role("group", name="Passages").locator(".path")
    await expect(paths).to_have_text([words for _, words in places])


async def test_the_quote_of_an_open_passage_is_highlighted_when_it_arrives(page: Page, service: FakeService) -> None:
    finish = asyncio.Event()

    async def quoted_at_the_end(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": [{**CITATIONS[0], "quote": None}]}
        yield "token", {"text": "It does not [1]."}
        await finish.wait()
        yield "done", done("It does not [1].", cited=(1,))

    service.answer = quoted_at_the_end
    await ask(page, "Does the service stop?")
    await page.get_by_role("button", name="Citation 1").click()

    mark = page.get_by_role("region", name=re.compile(r"^Passage \d")).locator("mark")
    await expect(mark).to_have_count(0)
    finish.set()
    await expect(mark).to_have_text(CITATIONS[0]["quote"])


async def test_passages_are_listed_and_the_cited_ones_are_highlighted(page: Page) -> None:
    await ask(page, "Does the service stop?")

    passages = page.get_by_role("group", name="Passages")
    await expect(page.get_by_role("article").get_by_role("status")).to_contain_text("Answered from 2 of 3 passages")
    await expect(passages.get_by_role("listitem")).to_have_count(3)
    await expect(passages.locator(".cited")).to_have_count(2)
    await passages.get_by_role("button", name="Capacity planning").click()
    await expect(page.get_by_role("region", name="Passage 3")).to_be_visible()


async def test_the_waterfall_has_a_bar_for_each_stage_with_its_milliseconds(page: Page) -> None:
    await ask(page, "Does the service stop?")
    await open_details(page)

    stages = page.get_by_role("group", name="Stages").get_by_role("listitem")
    await expect(stages).to_have_text(
        ["Embed 8.4 ms", "Search 1.1 ms", "Prompt 0.4 ms", "First token 61 ms", "Generate 1,139 ms"],
        use_inner_text=True,
    )
    bars = [await bar.bounding_box() for bar in await stages.locator(".stage-bar").all()]
    starts = [bar["x"] for bar in bars if bar]
    assert starts == sorted(starts)
    generate, first_token = bars[-1], bars[-2]
    assert generate and first_token
    assert generate["width"] / first_token["width"] == pytest.approx(
        TIMINGS["generate"] / TIMINGS["first_token"], rel=0.02
    )


@pytest.mark.parametrize(
    ("choice", "mode", "sentence"),
    [
        ("Default", None, "Written by SmolLM2-135M-Instruct · 1,210 ms in total"),
        ("Quotes", "quote", "Quoted from the documents · 1,210 ms in total"),
        ("Model, checked", "checked", "Written by SmolLM2-135M-Instruct, checked against the quotes · 1,210 ms"),
        ("Model", "generate", "Written by SmolLM2-135M-Instruct · 1,210 ms in total · 412 prompt tokens"),
    ],
)
async def test_the_selected_mode_is_sent_and_the_mode_used_is_shown(
    page: Page, service: FakeService, choice: str, mode: str | None, sentence: str
) -> None:
    await page.get_by_role("combobox", name="Answer").select_option(choice)
    await ask(page, "Does the service stop?")
    await open_details(page)

    await expect(page.get_by_role("group", name="Stages")).to_contain_text(sentence)
    assert service.requests[-1].get("mode") == mode
    await page.reload()
    await expect(page.get_by_role("combobox", name="Answer")).to_have_value(mode or "")


async def test_quoted_lines_and_code_are_rendered_with_their_citations(page: Page) -> None:
    await page.get_by_role("combobox", name="Answer").select_option("Quotes")
    await ask(page, "How is a revision published?")

    answer = page.get_by_role("article", name="Answer")
    await expect(answer.locator("pre code")).to_have_text("mv current.next current  # atomic [1]")
    await expect(answer.locator("[aria-live] li")).to_have_text("current names the revision that is served 2")
    await expect(answer.locator("[aria-live] li code")).to_have_text("current")
    await expect(answer.get_by_role("button", name="Citation")).to_have_text(["1", "2", "1"])


async def test_a_declined_answer_is_shown_without_citations(page: Page) -> None:
    await ask(page, "Is there nothing?")

    answer = page.get_by_role("article", name="Answer")
    await expect(answer).to_contain_text("The documents do not say.")
    await expect(answer.get_by_role("status")).to_contain_text("Nothing was found")
    await expect(answer.get_by_role("group", name="Passages")).to_be_hidden()


async def test_an_unsure_answer_says_so_above_and_below_its_text_and_again_after_a_reload(page: Page) -> None:
    await ask(page, "Is it unclear?")

    answer = page.get_by_role("article", name="Answer")
    await expect(answer).to_contain_text("This may not answer your question:")
    await expect(answer.get_by_role("status")).to_have_text(
        "Not sure: no passage clearly answers · Answered from 2 of 3 passages"
    )
    await expect(answer).to_have_class(re.compile(r"\bunsure\b"))
    await page.reload()
    await expect(answer).to_have_class(re.compile(r"\bunsure\b"))


async def test_an_answer_that_is_not_whole_says_so(page: Page) -> None:
    for question, status in [
        ("Is it cut off?", "Cut off at the longest answer that is allowed · Answered from 2 of 3 passages"),
        ("Is it filtered?", "Shortened by the model's content filter · Answered from 2 of 3 passages"),
    ]:
        await ask(page, question)
        await expect(page.get_by_role("article").last.get_by_role("status")).to_contain_text(status)


async def test_stop_ends_the_stream_and_keeps_the_text(page: Page, service: FakeService) -> None:
    async def endless(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        while True:
            yield "token", {"text": "on and "}
            await asyncio.sleep(0.01)

    service.answer = endless
    await ask(page, "How long?")
    await expect(page.get_by_role("article", name="Answer")).to_contain_text("on and")
    await page.get_by_role("button", name="Stop").click()

    await asyncio.wait_for(service.abandoned.wait(), timeout=120)
    await expect(page.get_by_role("article").get_by_role("status")).to_have_text("Stopped")
    await expect(page.get_by_role("article", name="Answer")).to_contain_text("on and")
    await expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible()


async def test_an_error_response_is_shown_and_the_question_is_restored(page: Page) -> None:
    await ask(page, "Too busy?")

    await expect(page.get_by_role("article").get_by_role("alert")).to_have_text(
        "All 16 places for answers are taken. Try again in a moment."
    )
    await expect(page.get_by_label("Question")).to_have_value("Too busy?")


async def test_an_error_during_the_stream_is_shown_and_the_text_is_kept(page: Page) -> None:
    await ask(page, "Will it break?")

    answer = page.get_by_role("article", name="Answer")
    await expect(answer.get_by_role("alert")).to_contain_text("The model server closed the connection.")
    await expect(answer.get_by_role("status")).to_have_text("Incomplete")
    await expect(answer).to_contain_text("No. The service loads a new revision")


async def test_a_stream_that_ends_without_done_is_an_error(page: Page, service: FakeService) -> None:
    async def cut_off(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        yield "token", {"text": "Half a"}

    service.answer = cut_off
    await ask(page, "Is that all?")

    await expect(page.get_by_role("article").get_by_role("alert")).to_have_text(
        "The connection was lost before the answer was complete. Ask again."
    )


async def test_an_unreachable_service_is_reported(page: Page) -> None:
    await page.route("**/v1/answers", lambda route: route.abort())
    await ask(page, "Is the service running?")

    await expect(page.get_by_role("article").get_by_role("alert")).to_have_text(
        "The service cannot be reached. Check that it is running, then try again."
    )


async def test_answers_stay_until_a_new_conversation_begins(page: Page) -> None:
    await ask(page, "Does the service stop?")
    await expect(page.get_by_role("article")).to_have_count(1)
    await ask(page, "And the worker?")
    answers = page.get_by_role("article")
    await expect(answers.get_by_role("heading", level=2)).to_have_text(["Does the service stop?", "And the worker?"])
    await expect(answers.last.get_by_role("heading", level=2)).to_be_in_viewport()

    await page.get_by_role("button", name="New conversation").click()
    await expect(answers).to_have_count(0)
    await expect(page.get_by_label("Question")).to_be_focused()
    await expect(page.get_by_role("button", name="New conversation")).to_be_hidden()


async def test_a_finished_answer_is_in_sight_unless_the_reader_has_scrolled(page: Page, service: FakeService) -> None:
    resume = asyncio.Event()

    async def slow(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "sources", {"sources": CITATIONS}
        await resume.wait()
        yield "token", {"text": QUOTED}
        yield "done", done(QUOTED)

    await page.set_viewport_size({"width": 1000, "height": 600})
    service.answer = slow
    resume.set()
    for number in (1, 2):
        await ask(page, f"In sight {number}?")
        await expect(page.get_by_role("article", name="Answer")).to_have_count(number)
        text = page.locator("[aria-live]").nth(number - 1)
        await expect(text).to_have_attribute("aria-busy", "false")
        box = await page.get_by_role("article", name="Answer").nth(number - 1).bounding_box()
        assert box is not None
        assert 0 <= box["y"] < 200

    resume.clear()
    await ask(page, "In sight 3?")
    await expect(page.get_by_role("article", name="Answer")).to_have_count(3)
    await expect(page.get_by_role("group", name="Passages").nth(2)).to_be_visible()
    await page.evaluate("scrollTo(0, 0)")
    resume.set()
    await expect(page.locator("[aria-live]").nth(2)).to_have_attribute("aria-busy", "false")
    assert await page.evaluate("scrollY") == 0


async def test_ask_again_sends_the_question_once_more(page: Page, service: FakeService) -> None:
    await ask(page, "Does the service stop?")
    await page.get_by_role("button", name="Ask again").click()

    await expect(page.get_by_role("article")).to_have_count(2)
    await expect(page.get_by_role("button", name="Ask again")).to_have_count(2)
    assert [request["question"] for request in service.requests] == ["Does the service stop?"] * 2


async def test_answers_and_code_can_be_copied(page: Page) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("combobox", name="Answer").select_option("Quotes")
    await ask(page, "How is a revision published?")
    for button, text in (("Copy code", "mv current.next current  # atomic [1]"), ("Copy answer", QUOTED)):
        await page.get_by_role("button", name=button).click()
        await page.wait_for_function(
            "text => navigator.clipboard.readText().then((copied) => copied === text)", arg=text
        )


async def test_passages_come_first_and_show_how_they_begin(page: Page) -> None:
    await ask(page, "Does the service stop?")

    first = page.get_by_role("group", name="Passages").get_by_role("listitem").first
    await expect(first).to_contain_text("The writer owns a working shard")
    passages = await page.get_by_role("group", name="Passages").bounding_box()
    text = await page.locator("[aria-live]").bounding_box()
    assert passages and text
    assert passages["y"] < text["y"]


async def test_an_answer_in_steps_shows_a_line_for_each_step_while_it_works(page: Page, service: FakeService) -> None:
    resume = asyncio.Event()

    async def in_steps(_: AnswerRequest) -> AsyncIterator[Event]:
        yield "step", {"number": 1, "name": "plan", "status": "started", "text": "Planning the searches…"}
        yield "step", {"number": 1, "name": "plan", "status": "done", "text": "Planned: Who built it? · When?"}
        yield "step", {"number": 2, "name": "search", "status": "started", "text": "Searching: Who built it?"}
        await resume.wait()
        yield "step", {"number": 2, "name": "search", "status": "done", "text": "Found 3 passages."}
        yield "sources", {"sources": CITATIONS}
        yield "token", {"text": "In 1932 [1]."}
        yield "done", done("In 1932 [1].", cited=(1,), mode="agentic")

    service.answer = in_steps
    await page.get_by_role("combobox", name="Answer").select_option("Model, in steps")
    await ask(page, "Who built it, and when?")

    answer = page.get_by_role("article", name="Answer")
    steps = answer.get_by_role("list", name="Steps").get_by_role("listitem")
    await expect(steps).to_have_text(["Planned: Who built it? · When?", "Searching: Who built it?"])
    await expect(answer.get_by_role("status")).to_have_text("Working…")
    resume.set()
    await expect(answer.locator("[aria-live]")).to_have_text("In 1932 1.")
    # The finished answer comes first. Its steps stay at hand.
    await expect(steps).to_have_count(0)
    await answer.get_by_text("Steps", exact=True).click()
    await expect(steps).to_have_text(["Planned: Who built it? · When?", "Found 3 passages."])
    assert service.requests[-1]["mode"] == "agentic"
    await open_details(page)
    await expect(answer).to_contain_text("in steps, and checked against its sources")
