"""Answers on model servers that differ from the protocol: text, events, citations and token counts must agree."""

import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from pydantic import HttpUrl

from rag.errors import GroundworkError
from service.answering.drafts import Answer
from service.answering.events import Inquiry, Sources, Token
from service.resources import open_resources
from service.settings import OpenAIGeneratorSettings, Settings
from tests.support.fakes.model_servers import ANSWER, CASES, DONE, STOP, Case, CaseServer, texts
from tests.support.fakes.servers import serve
from tests.support.passages import PATIENT, QUESTION, SCOPE

UNOPENED = "reasoning without its opening tag"


class Switch:
    """A server that plays the case of the moment."""

    def __init__(self) -> None:
        self.case = CASES["plain"]

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        return await CaseServer(self.case)(request)


async def answers_on(filled, cases) -> list:
    """Return the name of each case with its events, its error and the tokens that were counted, all on one service."""
    switch, results = Switch(), []
    async with serve("/v1/chat/completions", switch) as url:
        generator = OpenAIGeneratorSettings(kind="openai", url=HttpUrl(f"{url}/v1"), model="told")
        async with open_resources(Settings(data_dir=filled, generator=generator, http=PATIENT)) as resources:
            for name, case in cases.items():
                switch.case = case
                events, raised, before = [], None, counted()
                inquiry = Inquiry(scope=SCOPE, question=QUESTION, limit=3, mode="generate")
                try:
                    async for event in resources.answerer.answer(inquiry):
                        events.append(event)
                except GroundworkError as error:
                    raised = error
                results.append((name, events, raised, {kind: counted()[kind] - before[kind] for kind in before}))
    return results


def counted() -> dict[str, float]:
    return {
        kind: REGISTRY.get_sample_value("rag_tokens_total", {"kind": kind, "model": "told"}) or 0
        for kind in ("prompt", "completion")
    }


@pytest.mark.slow
async def test_the_tokens_of_a_stream_are_the_answer_and_only_possible_usage_is_counted(filled):
    # One answer of this case makes the service hold back the text of all later ones.
    cases = {name: case for name, case in CASES.items() if name != UNOPENED}
    for name, events, raised, grown in await answers_on(filled, cases):
        case = cases[name]
        text = "".join(event.text for event in events if isinstance(event, Token))
        if case.error is None:
            assert raised is None, name
            assert isinstance(events[0], Sources), name
            answer = events[-1]
            assert isinstance(answer, Answer), name
            assert (answer.text, answer.finish_reason) == (case.text, case.finish), name
            assert text == answer.text, name
            assert [citation.number for citation in answer.citations] == ([1] if "[1]" in case.text else []), name
            assert (answer.usage is not None) == case.has_usage, name
        else:
            assert isinstance(raised, case.error), name
            assert (text != "") == case.begins, name
        has_usage = case.error is None and case.has_usage
        assert grown == ({"prompt": 10, "completion": 5} if has_usage else {"prompt": 0, "completion": 0}), name


@pytest.mark.slow
async def test_citations_are_the_same_in_the_stream_and_in_the_answer(filled):
    written = {
        "a list": ("In March ", "1932 [", "1", ", 2]", "."),
        "no passage": ("In March", " [", "9", "]", ", 1932 [1]", "."),
        "reasoning": ("<think>[2]? ", "[3]</think>", "In March 1932【1", "】."),
    }
    cases = {name: Case(body=texts(*pieces) + STOP + DONE, has_usage=False) for name, pieces in written.items()}
    expected = {
        "a list": ("In March 1932 [1].", [1]),
        "no passage": ("In March, 1932 [1].", [1]),
        "reasoning": ("In March 1932[1].", [1]),
    }
    before = REGISTRY.get_sample_value("rag_citations_removed_total")
    for name, events, raised, _ in await answers_on(filled, cases):
        assert raised is None
        *_, answer = events
        assert "".join(event.text for event in events if isinstance(event, Token)) == answer.text
        assert (answer.text, [citation.number for citation in answer.citations]) == expected[name]
    # The page has one passage, so 2 and 9 have none.
    assert REGISTRY.get_sample_value("rag_citations_removed_total") - before == 2


@pytest.mark.slow
async def test_reasoning_that_only_a_closing_tag_shows_is_in_no_answer_and_shown_once_at_most(filled):
    cases = {"first": CASES[UNOPENED], "second": CASES[UNOPENED]}
    shown = []
    for _, events, raised, _ in await answers_on(filled, cases):
        assert raised is None
        *_, answer = events
        assert (answer.text, [citation.number for citation in answer.citations]) == (ANSWER, [1])
        shown.append("".join(event.text for event in events if isinstance(event, Token)))
    assert shown[1] == ANSWER
    assert shown[0].endswith(ANSWER)
