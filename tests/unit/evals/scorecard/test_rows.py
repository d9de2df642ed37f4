"""Each row of the scorecard, for services whose habits are known."""

import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from evals.answers.gold import GoldPassage, GoldQuestion
from evals.datasets import CorpusDocument
from evals.scorecard.asking import Door, Reply
from evals.scorecard.behaviour import measure_leaving, measure_model, measure_overload
from evals.scorecard.card import KEPT, Figure, Row, keep, read_rows, to_table
from evals.scorecard.connecting import API_KEY, bring_documents, find_door, open_session
from evals.scorecard.quality import Limits, ask_all, judge, to_figures
from evals.scorecard.sources import SourceMatcher
from evals.scorecard.stand_in import StandIn, open_stand_in
from rag.errors import InvalidInput, Unavailable
from tests.support.fakes.answering_service import Habits, serve_answers
from tests.support.prose import ROOT
from tests.support.servers.redis_server import free_port

PORT = GoldPassage(document="docs/ports.md", quote="The service listens on port 8000.", parts=("8000",))
KEY = GoldPassage(document="docs/keys.md", quote="A key is revoked at once.", parts=("revoked",))
QUESTIONS = [
    GoldQuestion(id="1", text="port?", kind="number", evidence=[[PORT]]),
    GoldQuestion(id="2", text="key?", kind="how-to", evidence=[[KEY]]),
    GoldQuestion(id="3", text="both?", kind="list", evidence=[[PORT], [KEY]]),
    GoldQuestion(id="4", text="owner?", kind="unanswerable"),
]
DOCUMENTS = [CorpusDocument(id=name, title="", text=f"# {name}") for name in ("docs/ports.md", "docs/keys.md")]
ANSWERS = {
    "What is described here?": "Ports and keys.",
    "port?": "It is 8000.",
    "key?": "I don't know.",
    "both?": "Port 8000, I think.",
    "owner?": "The documents do not say that.",
}
# Long enough for a busy machine; what a test waits for in full is shorter.
SECONDS = 30.0
SLOW = 2.0
LIMITS = Limits(question_seconds=SECONDS, total_seconds=600)


@asynccontextmanager
async def asked(**habits):
    """Yield the session, the way to ask, and the service with these habits."""
    async with serve_answers(Habits(**habits)) as service, open_session() as session:
        yield session, await find_door(session, service.url, protocol=None, model=None, seconds=SECONDS), service


def application(answer, path="/v1/answers"):
    """Return a service that has one route."""
    app = web.Application()
    app.add_routes([web.post(path, answer)])
    return app


async def quality(**habits):
    async with asked(**habits) as (session, door, _):
        exchanges = await ask_all(session, door, QUESTIONS, LIMITS)
    figures = to_figures(judge(exchanges, SourceMatcher(DOCUMENTS)))
    return {key: figure.value for key, figure in figures.items()}


async def test_right_partly_and_refused_answers_are_counted():
    figures = await quality(answer=ANSWERS.get)
    assert figures["questions"] == 4
    assert (figures["right"], figures["partly"], figures["wrong"]) == (0.5, 0.25, 0)
    assert (figures["refusal_precision"], figures["refusal_recall"]) == (0.5, 1)
    assert (figures["sourced"], figures["citation_precision"], figures["failed"]) == (0, None, 0)
    assert 0 < figures["first_text"] <= figures["total"]


async def test_a_wrong_answer_that_says_that_it_is_unsure_is_not_confident():
    figures = await quality(answer=lambda _: "I'm not sure. It may be 80.")
    assert (figures["right"], figures["wrong"], figures["unsure"], figures["refusal_recall"]) == (0, 0, 1, 0)


async def test_a_wrong_answer_is_confident_with_or_without_a_source():
    figures = await quality(answer=lambda _: "It is 80.")
    assert (figures["right"], figures["wrong"], figures["unsure"]) == (0, 1, 0)
    assert (figures["refusal_precision"], figures["refusal_recall"]) == (None, 0)


@pytest.mark.parametrize("streams", [True, False])
async def test_sources_are_right_if_they_are_documents_that_answer(streams):
    sources = [{"url": "/x/docs/ports.md"}, {"url": "/x/docs/keys.md"}]
    figures = await quality(answer=lambda _: "8000", fields={"sources": sources}, streams=streams)
    assert figures["sourced"] == 1
    # Half of the sources of the first two questions, and both of the third.
    assert figures["citation_precision"] == pytest.approx((0.5 + 0.5 + 1) / 3)


async def test_an_answer_ends_with_its_last_event_although_the_connection_stays_open():
    figures = await quality(answer=ANSWERS.get, ending="kept open")
    assert (figures["right"], figures["failed"]) == (0.5, 0)


@pytest.mark.parametrize("ending", ["broken", "error"])
async def test_an_answer_that_breaks_off_has_failed_and_is_not_right(ending):
    async with asked(answer=ANSWERS.get) as (session, door, service):
        service.habits.ending = ending
        exchanges = await ask_all(session, door, QUESTIONS, LIMITS)
    figures = to_figures(judge(exchanges, SourceMatcher(DOCUMENTS)))
    assert figures["failed"].value == 4
    assert figures["right"].value == figures["wrong"].value == 0
    assert figures["first_text"].text == "-"
    assert {reply.ending for _, reply in exchanges} == {"broken": {"broken off"}, "error": {"error event"}}[ending]


async def test_a_service_that_hangs_is_left_after_the_limit():
    async with asked() as (session, door, service):
        service.habits.ending = "silent"
        [(_, reply)] = await ask_all(session, door, QUESTIONS[:1], Limits(question_seconds=0.2, total_seconds=600))
    assert (reply.ending, reply.describe()) == ("silent", "nothing more within 0 s")


@pytest.mark.parametrize(
    "event", ["[]", "7", "{", '{"choices": 7}', '{"choices": [7]}', '{"choices": [{"delta": 7}]}', '{"rag": 7}']
)
async def test_an_event_of_an_unknown_shape_breaks_the_answer_off_and_not_the_scorecard(event):
    async def answer(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(f"data: {event}\n\n".encode())
        return response

    async with TestServer(application(answer, "/v1/chat/completions")) as server, open_session() as session:
        door = Door(url=str(server.make_url("")).rstrip("/"), protocol="chat")
        [(_, reply)] = await ask_all(session, door, QUESTIONS[:1], LIMITS)
    assert reply.ending == "broken off"


def test_what_a_model_thinks_aloud_is_not_its_answer():
    reply = Reply(text="<think>Is it 80? I don't know.</think>\n\nIt is 8000.", ending="complete", streamed=True)
    [verdict] = judge([(QUESTIONS[0], reply)], SourceMatcher(DOCUMENTS))
    assert (verdict.right, verdict.refused, verdict.text) == (1, False, "It is 8000.")


async def test_questions_end_when_the_time_is_up():
    async with asked() as (session, door, service):
        limits = Limits(question_seconds=SECONDS, total_seconds=-1)
        assert await ask_all(session, door, QUESTIONS, limits) == []
    assert len(service.questions) == 1  # The first question, which finds the protocol.


@pytest.mark.parametrize(
    ("busy", "kind", "handled"),
    [
        ((429, {"Retry-After": "1"}), "6 turned away with Retry-After", 1.0),
        ((503, {}), "6 turned away without Retry-After", 0.4),
        ((500, {}), "6 with status 500", 0.4),
    ],
)
async def test_overload_tells_answers_from_refusals_and_faults(busy, kind, handled):
    async with asked(capacity=4, busy=busy) as (session, door, service):
        service.gather(10)
        figure = await measure_overload(session, door, ["a", "b"], clients=10, seconds=SECONDS)
    assert figure.text.startswith(f"of 10: {kind}, 4 answered; the last after ")
    assert figure.value == handled


async def test_overload_tells_that_a_service_hangs():
    async with asked() as (session, door, service):
        service.habits.ending = "silent"
        figure = await measure_overload(session, door, ["a"], clients=3, seconds=0.2)
    assert figure.text.startswith("of 3: 3 without an end")
    assert figure.value == 0


class TestTheModel:
    """Rows that need the stand-in as the model of the service."""

    @pytest.fixture
    async def model_url(self):
        async with open_stand_in(slow_seconds=SLOW) as url:
            yield url

    async def leave(self, model_url, *, seconds, **habits):
        async with serve_answers(Habits(model_url=model_url, **habits)) as service, open_session() as session:
            door = Door(url=service.url, protocol="chat")
            return await measure_leaving(session, door, "port?", seconds=seconds, model=StandIn(session, model_url))

    async def test_a_service_that_lets_go_ends_the_calls_of_clients_that_left(self, model_url):
        figure = await self.leave(model_url, seconds=SECONDS)
        assert figure.text.startswith("their model calls end after ")
        assert "; next first text after " in figure.text
        assert figure.value > 0

    async def test_a_service_that_ignores_clients_that_left_goes_on(self, model_url):
        figure = await self.leave(model_url, seconds=4, lets_go=False)
        assert figure.text.startswith("8 of 8 model calls go on to their end; next first text after ")

    async def fail(self, model_url, *, seconds=SECONDS, **habits):
        async with serve_answers(Habits(model_url=model_url, **habits)) as service, open_session() as session:
            door = Door(url=service.url, protocol="chat")
            return await measure_model(session, door, "port?", StandIn(session, model_url), seconds=seconds)

    async def test_a_service_that_admits_failures_ends_each_with_an_error(self, model_url):
        figures = await self.fail(model_url, patience=5, shows_life=True)
        assert 0 < figures.pop("model_slow").value < SLOW
        assert {key: figure.value for key, figure in figures.items()} == {
            "model_fails": 1,
            "model_breaks": 1,
            "model_hangs": 1,
        }
        assert all(figure.text.startswith("an error in the stream after ") for figure in figures.values())

    async def test_a_service_that_hides_failures_looks_complete_and_waits_for_ever(self, model_url):
        figures = await self.fail(model_url, seconds=5, admits_failure=False)
        assert figures.pop("model_slow").value >= SLOW
        assert figures["model_fails"].text.startswith("an answer that looks complete, after ")
        assert figures["model_breaks"].text.startswith("an answer that looks complete, after ")
        assert figures["model_hangs"].text == "nothing more within 5 s"
        assert {figure.value for figure in figures.values()} == {0}

    async def test_a_service_that_does_not_call_the_stand_in_is_found_out(self, model_url):
        async with asked(answer=lambda _: "8000") as (session, door, _):
            figures = await measure_model(session, door, "port?", StandIn(session, model_url), seconds=3)
        assert figures["model_hangs"].text.startswith("the stand-in was not asked: an answer that looks complete")


async def test_clients_cannot_leave_an_answer_that_is_not_streamed():
    async with asked(streams=False) as (session, door, _):
        figure = await measure_leaving(session, door, "port?", seconds=SECONDS, model=None)
    assert figure.text.startswith("clients could not leave in mid-stream: an answer that looks complete")


async def test_documents_are_uploaded_and_awaited():
    async with asked(takes_documents=True) as (session, door, service):
        await bring_documents(session, door.url, DOCUMENTS, seconds=SECONDS)
    assert service.documents == {"docs--ports.md": b"# docs/ports.md", "docs--keys.md": b"# docs/keys.md"}
    assert service.polls == {"docs--ports.md": 2, "docs--keys.md": 2}


async def test_a_service_without_uploads_is_told_which_folder_to_ingest():
    async with asked() as (session, door, _):
        with pytest.raises(InvalidInput, match=r"Ingest the folder .*golden/documents .* --uploaded"):
            await bring_documents(session, door.url, DOCUMENTS, seconds=SECONDS)


async def test_the_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv(API_KEY, "k-1")
    async with asked() as (_, _, service):
        assert service.keys == ["Bearer k-1"]


async def test_a_redirect_is_not_followed():
    elsewhere = []

    async def move(_):
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async def receive(request):
        elsewhere.append(request)
        return web.Response()

    async with (
        open_session() as session,
        serve_answers(Habits(), [web.post("/v1/answers", move), web.post("/elsewhere", receive)]) as service,
    ):
        with pytest.raises(Unavailable, match="status 307"):
            await find_door(session, service.url, protocol="answers", model=None, seconds=SECONDS)
    assert elsewhere == []


@pytest.mark.parametrize("unsure", [True, False])
async def test_our_own_protocol_is_found_and_read(unsure):
    async def answer(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        done = {"answer": "It is 8000. [1]", "declined": False, "citations": [{"document_id": "docs--ports.md"}]}
        done["unsure"] = unsure
        for name, data in [("sources", {"sources": []}), ("token", {"text": "It is "}), ("done", done)]:
            await response.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
        return response

    async with TestServer(application(answer)) as server, open_session() as session:
        door = await find_door(session, str(server.make_url("/v1")), protocol=None, model=None, seconds=SECONDS)
        exchanges = await ask_all(session, door, QUESTIONS[:1], LIMITS)
    figures = to_figures(judge(exchanges, SourceMatcher(DOCUMENTS)))
    assert door.protocol == "answers"
    assert (figures["right"].value, figures["citation_precision"].value, figures["unsure"].value) == (1, 1, unsure)


async def test_the_extension_of_openais_protocol_is_read():
    async def answer(_):
        message = {"content": "It is 80."}
        return web.json_response(
            {"choices": [{"message": message, "finish_reason": "stop"}], "rag": {"declined": False, "unsure": True}}
        )

    async with TestServer(application(answer, "/v1/chat/completions")) as server, open_session() as session:
        door = Door(url=str(server.make_url("")).rstrip("/"), protocol="chat")
        exchanges = await ask_all(session, door, QUESTIONS[:1], LIMITS)
    [(_, reply)] = exchanges
    assert (reply.text, reply.declined, reply.unsure) == ("It is 80.", False, True)


def test_a_kept_row_replaces_the_one_of_the_same_name_and_is_printed_beside_others(tmp_path):
    path = tmp_path / "rows.json"
    for name, right in (("ours", "1 %"), ("peer", "2 %"), ("ours", "3 %")):
        keep(Row(name=name, command="c", conditions="d", figures={"right": Figure(text=right)}), path)
    assert to_table(read_rows(path)).splitlines()[:3] == ["| | ours | peer |", "|---|---|---|", "| right | 3 % | 2 % |"]


def test_the_page_shows_the_kept_rows():
    assert to_table(read_rows(KEPT)) in (ROOT / "docs" / "take-home.md").read_text(encoding="utf-8")


async def test_a_service_that_is_away_or_wants_a_key_is_reported_in_one_sentence():
    async def refuse(_):
        return web.json_response({"error": "no key"}, status=401)

    async with open_session() as session:
        with pytest.raises(Unavailable, match=r"Is the service running\?"):
            await find_door(session, f"http://127.0.0.1:{free_port()}", protocol=None, model=None, seconds=SECONDS)
        with pytest.raises(InvalidInput, match="is not a URL"):
            await find_door(session, "127.0.0.1:8000", protocol=None, model=None, seconds=SECONDS)
        async with TestServer(application(refuse)) as server:
            with pytest.raises(Unavailable, match=f"status 401.* Set {API_KEY} to a key"):
                await find_door(session, str(server.make_url("")), protocol=None, model=None, seconds=SECONDS)
