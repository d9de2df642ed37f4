"""Conversations and feedback over HTTP, with real shared state and a scripted answerer."""

import json
import uuid

import pytest
from pydantic import RedisDsn

from rag.settings import RedisStateSettings
from rag.state.base import RecordKind
from rag.types import Scope
from service.answering.drafts import Answer, Citation
from service.answering.events import Sources, Token
from service.answering.feedback import FeedbackLog
from service.answering.follow_ups import Turn
from service.auth.keys import Keys
from service.settings import ConversationSettings
from service.writing.base import WritingInput
from service.writing.unsure import UNSURE
from tests.support.contracts.store import direction
from tests.support.passages import hit
from tests.unit.service.http.conftest import QUESTION, events_of

PASSAGE = hit("It ends in March 1932. The band plays.", ordinal=3)
SCOPE = Scope(tenant="default")
# As the version before format 2 kept it.
FORMAT_1 = {
    "format": 1,
    "turns": [
        {
            "answer_id": "a0",
            "asked": "Who plays?",
            "question": "Who plays?",
            "answer": "The band plays. [1]",
            "declined": False,
            "mode": "quote",
            "citations": [
                {
                    "n": 1,
                    "document_id": "doc",
                    "title": "doc",
                    "heading_path": ["Guide"],
                    "place": {"line": 4},
                    "uri": "file:///doc.md",
                    "snippet": "The band plays.",
                }
            ],
            "at": 1790000000.5,
        }
    ],
}


def answering(text: str = "It ends in 1932. [1]", *, answer_id: str = "a1", searched: str | None = None):
    """Return the script of one answer."""

    async def script():
        citations = [Citation(number=1, hit=PASSAGE, quote="It ends in March 1932.")]
        yield Sources(citations=citations)
        yield Token(text=text)
        asked = QUESTION["question"]
        yield Answer(
            id=answer_id,
            text=text,
            timings={"total": 0.1},
            mode="quote",
            citations=citations,
            writing_input=WritingInput(question=searched or asked, asked=asked, vector=direction(0), hits=[PASSAGE]),
        )

    return script


async def test_a_conversation_keeps_its_turns_and_gives_them_to_the_next_question(served):
    first = await served.ask(answering(), conversation_id="c-1")
    assert first.json()["conversation"] == {"id": "c-1", "is_kept": True}
    assert served.answerer.inquiries[-1].turns == []
    second = await served.ask(answering("In the hall. [1]", searched="Where does it end?"), conversation_id="c-1")
    assert second.json()["question"] == "Where does it end?"
    assert served.answerer.inquiries[-1].turns == [Turn(question=QUESTION["question"], answer="It ends in 1932. [1]")]

    found = (await served.http.get("/v1/conversations/c-1")).json()
    assert found["title"] == QUESTION["question"]
    assert [(turn["question"], turn["answer"]) for turn in found["turns"]] == [
        (QUESTION["question"], "It ends in 1932. [1]"),
        ("Where does it end?", "In the hall. [1]"),
    ]
    [citation] = found["turns"][0]["citations"]
    assert (citation["n"], citation["snippet"], citation["ordinal"]) == (1, "It ends in March 1932.", 3)


async def test_a_kept_turn_is_unsure_if_its_text_says_so(served):
    await served.ask(answering(f"{UNSURE}It ends in 1932. [1]"), conversation_id="c-1")
    await served.ask(answering(), conversation_id="c-1")
    turns = (await served.http.get("/v1/conversations/c-1")).json()["turns"]
    assert [turn["unsure"] for turn in turns] == [True, False]


async def test_a_streamed_answer_is_kept_before_its_end(served):
    response = await served.ask(answering(), stream=True, conversation_id="c-1")
    name, answer = events_of(response.text)[-1]
    assert (name, answer["conversation"]) == ("done", {"id": "c-1", "is_kept": True})


async def test_a_question_without_a_conversation_keeps_nothing(served):
    assert (await served.ask(answering())).json()["conversation"] is None
    assert (await served.http.get("/v1/conversations")).json() == {"conversations": [], "next": None}


async def test_conversations_are_listed_in_pages_and_deleted(served):
    for name in ("one", "two", "three", "one"):
        await served.ask(answering(), conversation_id=name)
    page = (await served.http.get("/v1/conversations", params={"limit": 2})).json()
    assert [(each["id"], each["turns"]) for each in page["conversations"]] == [("one", 2), ("three", 1)]
    rest = (await served.http.get("/v1/conversations", params={"limit": 2, "cursor": page["next"]})).json()
    assert ([each["id"] for each in rest["conversations"]], rest["next"]) == (["two"], None)

    assert (await served.http.delete("/v1/conversations/two")).status_code == 204
    for gone in (await served.http.get("/v1/conversations/two"), await served.http.delete("/v1/conversations/two")):
        assert gone.status_code == 404


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ü", "x" * 101])
async def test_a_conversation_id_that_no_address_can_carry_is_rejected(served, name):
    assert (await served.ask(answering(), conversation_id=name)).status_code == 422


async def test_a_tenant_sees_its_own_conversations_and_answers_only(served, settings):
    keys = Keys(settings.keys_file)
    ours, theirs = (
        {"Authorization": f"Bearer {keys.create(tenant=tenant, role='reader')}"} for tenant in ("ours", "theirs")
    )
    served.http.headers.update(ours)
    await served.ask(answering(), conversation_id="c-1")
    assert (await served.http.get("/v1/conversations/c-1")).status_code == 200
    served.http.headers.update(theirs)
    assert (await served.http.get("/v1/conversations")).json()["conversations"] == []
    assert (await served.http.get("/v1/conversations/c-1")).status_code == 404
    assert (await served.http.delete("/v1/conversations/c-1")).status_code == 404
    assert (await served.http.post("/v1/answers/a1/feedback", json={"rating": "up"})).status_code == 404
    await served.ask(answering("Another answer."), conversation_id="c-1")
    assert served.answerer.inquiries[-1].turns == []


async def test_a_conversation_of_format_1_is_read_and_continued(served, state, settings):
    limits = settings.conversations
    kind = RecordKind(name="conversations", limit=limits.per_tenant, seconds=limits.days * 24 * 60 * 60)
    await state.put(kind, SCOPE.tenant, "c-1", json.dumps(FORMAT_1).encode())
    await served.ask(answering("In the hall. [1]"), conversation_id="c-1")
    assert [turn.question for turn in served.answerer.inquiries[-1].turns] == ["Who plays?"]
    turns = (await served.http.get("/v1/conversations/c-1")).json()["turns"]
    assert [(turn["answer"], turn["citations"][0]["ordinal"]) for turn in turns] == [
        ("The band plays. [1]", None),
        ("In the hall. [1]", 3),
    ]
    assert turns[0]["citations"][0]["snippet"] == "The band plays."


class TestLimits:
    @pytest.fixture
    def settings(self, settings):
        return settings.model_copy(update={"conversations": ConversationSettings(turns=2)})

    async def test_only_the_latest_turns_are_kept(self, served):
        for text in ("one", "two", "three"):
            await served.ask(answering(text), conversation_id="c-1")
        turns = (await served.http.get("/v1/conversations/c-1")).json()["turns"]
        assert [turn["answer"] for turn in turns] == ["two", "three"]


class TestWithoutState:
    """Nothing listens at the address of Redis."""

    @pytest.fixture
    def settings(self, settings):
        redis = RedisStateSettings(kind="redis", url=RedisDsn("redis://127.0.0.1:9/0"))
        return settings.model_copy(update={"state": redis})

    async def test_the_answer_still_comes_and_says_that_it_has_no_memory(self, served):
        response = await served.ask(answering(), conversation_id="c-1")
        assert (response.status_code, response.json()["answer"]) == (200, "It ends in 1932. [1]")
        assert response.json()["conversation"] == {"id": "c-1", "is_kept": False}
        [line] = await served.logged("conversation_not_read")
        assert "RAG_STATE__URL" in line["reason"]

    async def test_conversations_and_feedback_are_unavailable(self, served):
        assert (await served.http.get("/v1/conversations")).status_code == 503
        assert (await served.http.post("/v1/answers/a1/feedback", json={"rating": "up"})).status_code == 503


async def test_feedback_is_kept_with_what_explains_the_answer(served, state, settings):
    answer_id = uuid.uuid4().hex
    await served.ask(answering(answer_id=answer_id, searched="When does the play end?"))
    address = f"/v1/answers/{answer_id}/feedback"
    assert (await served.http.post(address, json={"rating": "up"})).status_code == 204
    body = {"rating": "down", "reason": "Wrong year.", "correction": "It ended in 1933."}
    assert (await served.http.post(address, json=body)).status_code == 204

    log = FeedbackLog(state, settings.feedback)
    [feedback] = [each async for each in log.all_of(SCOPE)]
    assert (feedback.rating, feedback.reason, feedback.correction) == ("down", "Wrong year.", "It ended in 1933.")
    answer = feedback.answer
    assert (answer.asked, answer.question) == (QUESTION["question"], "When does the play end?")
    assert (answer.answer, answer.mode, answer.revision) == ("It ends in 1932. [1]", "quote", "1")
    [passage] = answer.passages
    assert (passage.text, passage.is_cited, passage.quote) == (PASSAGE.chunk.text, True, "It ends in March 1932.")

    assert (await served.http.delete(address)).status_code == 204
    assert (await served.http.delete(address)).status_code == 404
    assert [each async for each in log.all_of(SCOPE)] == []


async def test_feedback_on_an_unknown_answer_is_refused(served):
    refused = await served.http.post("/v1/answers/never/feedback", json={"rating": "up"})
    assert refused.status_code == 404
    assert "RAG_FEEDBACK__HOURS" in refused.json()["detail"]
    await served.ask(answering())
    assert (await served.http.post("/v1/answers/a1/feedback", json={"rating": "fine"})).status_code == 422
