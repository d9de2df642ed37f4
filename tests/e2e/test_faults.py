"""The service with a model server that fails: statuses before the first byte, an error event after it."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import httpx

from tests.support.fakes.servers import Handler, ModelServer, answering, in_thread, serve
from tests.support.programs import Service, ingest, service
from tests.support.waiting import wait_until

QUESTION = "What does error E1234 mean?"


@contextmanager
def service_with(handler: Handler, data_dir, handbook, **settings: str) -> Iterator[Service]:
    assert ingest("run", str(handbook), data_dir=data_dir).returncode == 0
    with (
        in_thread(serve("/v1/chat/completions", handler)) as url,
        service(
            data_dir,
            RAG_GENERATOR__KIND="openai",
            RAG_GENERATOR__URL=f"{url}/v1",
            RAG_GENERATOR__MODEL="fake",
            RAG_WORKER="none",
            **settings,
        ) as running,
    ):
        yield running


def wait_for_metric(running: Service, line: str) -> None:
    """A request is counted when it is over, which is after its last byte was read."""

    def metrics() -> str:
        return running.http.get("/metrics").text

    wait_until(lambda: line in metrics(), seen=metrics)


def test_a_model_server_that_is_down_is_a_503_with_a_sentence(data_dir, handbook):
    with service_with(answering(500, "out of memory"), data_dir, handbook) as running:
        for stream in (True, False):
            response = running.ask(QUESTION, stream=stream)
            assert response.status_code == 503
            assert response.headers["content-type"] == "application/problem+json"
            assert "Retry-After" in response.headers
            assert "model server" in response.json()["detail"]
        assert running.ask(QUESTION, mode="quote").status_code == 200


def test_garbage_is_a_502_before_and_an_error_event_after_the_first_byte(data_dir, handbook):
    model = ModelServer(["The oil"], ending=b"data: {garbage\n\n")
    with service_with(model, data_dir, handbook) as running:
        kinds = [event for _, event, _ in running.stream(QUESTION)]
        assert kinds == ["sources", "token", "error"]
        # The status was 200 by then; the availability that is watched counts it all the same.
        wait_for_metric(running, 'rag_requests_total{outcome="error",route="/v1/answers"} 1.0')
        model.pieces = []
        assert running.ask(QUESTION).status_code == 502


def test_when_the_client_leaves_the_generation_stops_upstream(data_dir, handbook):
    model = ModelServer(["word "] * 20_000, gap=0.01)  # For minutes.
    with service_with(model, data_dir, handbook) as running:
        stream = running.stream(QUESTION)
        for _ in range(5):
            next(stream)
        stream.close()
        wait_until(model.left_by_client.is_set)


def test_when_the_client_leaves_before_the_first_piece_the_work_stops_too(data_dir, handbook):
    class Silent(ModelServer):
        async def __call__(self, request):
            self.requests.append(await request.json())
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                self.left_by_client.set()
                raise

    for stream in (True, False):
        model = Silent([])
        folder = data_dir / str(stream)
        folder.mkdir()
        (folder / "models").symlink_to((data_dir / "models").resolve())
        with service_with(model, folder, handbook) as running:
            with socket.create_connection(("127.0.0.1", httpx.URL(running.url).port)) as client:
                client.sendall(_post("/v1/answers", {"question": QUESTION, "stream": stream}))
                wait_until(partial(bool, model.requests))
            wait_until(model.left_by_client.is_set)


def test_more_questions_than_fit_are_turned_away_and_livez_goes_on(data_dir, handbook):
    model = ModelServer(["word "] * 10_000, gap=0.05)  # For minutes, or until its pieces are taken away.
    limits = {"RAG_GENERATOR__CONCURRENCY": "1", "RAG_ANSWERING__WAITING": "1"}
    with service_with(model, data_dir, handbook, **limits) as running:
        answers: list[httpx.Response] = []
        threads = [threading.Thread(target=lambda: answers.append(running.ask(QUESTION))) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert running.http.get("/livez").status_code == 200
        wait_until(lambda: len(answers) == 2)
        del model.pieces[1:]
        for thread in threads:
            thread.join()
        assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert all(answer.headers["Retry-After"].isdecimal() for answer in refused)
        assert all(answer.json()["retryable"] for answer in refused)
        # Nobody was answered, so it counts against what is promised.
        wait_for_metric(running, 'rag_requests_total{outcome="error",route="/v1/answers"} 2.0')


def _post(path: str, body: dict) -> bytes:
    """Over a bare socket, for a client that says when it leaves."""
    content = json.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n{content}".encode()
