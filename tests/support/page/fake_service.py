"""A fake service with the real page; `python -m tests.support.page.fake_service` serves it for manual tests.

Its answers are scripted. A question with "busy" gets a 429, "break" fails during the stream, "nothing" is declined,
"unclear" gets an unsure answer.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.datastructures import Headers, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.support.page.script import CITATIONS, LIBRARY, AnswerRequest, Event, Problem, document, scripted_answer

PAGE = Path(__file__).parents[3] / "service" / "page"
CSP = b"default-src 'self'"


@dataclass
class FakeService:
    """A service that a test controls by its attributes, and that records the questions it received."""

    answer: Callable[[AnswerRequest], AsyncIterator[Event]] = scripted_answer
    key: str | None = None
    seconds_per_state: float = 0.1
    step: asyncio.Semaphore | None = None
    """If set, a document keeps its state until the test releases the semaphore."""
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    documents_changed: bool = False
    """True if no document has the passages any more that answers cite."""
    requests: list[AnswerRequest] = field(default_factory=list)
    metrics: Callable[[], str] = lambda: generate_latest().decode()
    """Return the text of /metrics; may raise a `Problem`."""
    lists: list[dict[str, str]] = field(default_factory=list)
    """The query parameters of the lists that were requested."""
    metrics_requests: int = 0
    """Number of requests to /metrics."""
    conversations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The turns of each conversation, in the order of their latest turns."""
    ratings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The ratings by answer."""
    abandoned: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client disconnects before the end of a stream."""
    url: str = ""
    _bodies: dict[str, bytes] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator["FakeService"]:
        with socket.create_server(("127.0.0.1", port)) as listening:
            config = uvicorn.Config(
                self._app(),
                log_config=None,  # It would change the logging of this process for the tests that follow.
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
            server = uvicorn.Server(config)
            # pytest handles the signals.
            server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            try:
                yield self
            finally:
                server.should_exit = True
                await serving

    def _app(self) -> ASGIApp:
        app = Starlette(
            routes=[
                Route("/", lambda _: FileResponse(PAGE / "index.html")),
                Mount("/page", StaticFiles(directory=PAGE)),
                Route("/metrics", self._get_metrics),
                Route("/v1/answers", self._post_answer, methods=["POST"]),
                Route("/v1/answers/{id}/feedback", self._post_rating, methods=["POST"]),
                Route("/v1/answers/{id}/feedback", self._delete_rating, methods=["DELETE"]),
                Route("/v1/conversations", self._list_conversations),
                Route("/v1/conversations/{id}", self._get_conversation),
                Route("/v1/conversations/{id}", self._delete_conversation, methods=["DELETE"]),
                Route("/v1/documents", self._list_documents),
                Route("/v1/documents", self._post_documents, methods=["POST"]),
                Route("/v1/documents/{id}/passages", self._get_passages),
                Route("/v1/documents/{id}", self._delete_document, methods=["DELETE"]),
            ],
            exception_handlers={Problem: lambda _, problem: problem_response(problem)},
        )
        return with_security_headers(self._guarded(app))

    def _guarded(self, app: ASGIApp) -> ASGIApp:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            is_protected = self.key is not None and scope["path"].startswith("/v1")
            if is_protected and Headers(scope=scope).get("authorization") != f"Bearer {self.key}":
                missing = Problem(401, "Unauthorized", "This service needs an API key.")
                await problem_response(missing)(scope, receive, send)
            else:
                await app(scope, receive, send)

        return guarded

    async def _post_answer(self, request: Request) -> Response:
        asked = await request.json()
        self.requests.append(asked)
        events = self.answer(asked)
        # Like the service: an error before the first event is an error response, not a broken stream.
        first = await anext(events)

        async def stream() -> AsyncIterator[str]:
            try:
                yield to_sse(first)
                async for event in events:
                    if event[0] == "done":
                        self._keep(asked, event[1])
                    yield to_sse(event)
            except asyncio.CancelledError:
                self.abandoned.set()
                raise

        return StreamingResponse(stream(), media_type="text/event-stream")

    def _keep(self, asked: AnswerRequest, answer: dict[str, Any]) -> None:
        turns = self.conversations.pop(asked["conversation_id"], [])
        citations = [{**citation, "snippet": citation["quote"] or citation["text"]} for citation in answer["citations"]]
        kept = ("n", "document_id", "title", "heading_path", "place", "uri", "snippet", "ordinal")
        turn = {
            "answer_id": answer["id"],
            "asked": asked["question"],
            "question": answer["question"] or asked["question"],
            "answer": answer["answer"],
            "declined": answer["declined"],
            "unsure": answer["unsure"],
            "citations": [{name: citation[name] for name in kept} for citation in citations],
            "at": "2026-03-02T09:41:00Z",
        }
        self.conversations[asked["conversation_id"]] = [*turns, turn]

    async def _post_rating(self, request: Request) -> Response:
        self.ratings[request.path_params["id"]] = await request.json()
        return Response(status_code=204)

    async def _delete_rating(self, request: Request) -> Response:
        del self.ratings[request.path_params["id"]]
        return Response(status_code=204)

    async def _list_conversations(self, request: Request) -> Response:
        found = [
            {"id": name, "title": turns[0]["asked"], "turns": len(turns), "changed_at": turns[-1]["at"]}
            for name, turns in reversed(self.conversations.items())
        ]
        start = int(request.query_params.get("cursor", "0"))
        end = start + 20
        return JSONResponse({"conversations": found[start:end], "next": str(end) if end < len(found) else None})

    async def _get_conversation(self, request: Request) -> Response:
        turns = self.conversations.get(request.path_params["id"])
        if turns is None:
            raise Problem(404, "Not found", "There is no such conversation.")
        return JSONResponse({"id": request.path_params["id"], "title": turns[0]["asked"], "turns": turns})

    async def _delete_conversation(self, request: Request) -> Response:
        del self.conversations[request.path_params["id"]]
        return Response(status_code=204)

    async def _get_metrics(self, _: Request) -> Response:
        self.metrics_requests += 1
        return PlainTextResponse(self.metrics())

    async def _list_documents(self, request: Request) -> Response:
        self.lists.append(dict(request.query_params))
        text, state = request.query_params.get("q", "").casefold(), request.query_params.get("state", "")
        found = [
            document
            for document in reversed(self.documents.values())
            if text in f"{document['id']}\n{document.get('title')}".casefold() and state in {"", *_states_of(document)}
        ]
        start = int(request.query_params.get("cursor", "0"))
        end = start + int(request.query_params["limit"])
        states = [state for document in self.documents.values() for state in _states_of(document)]
        queue = {name: states.count(name) for name in ("queued", "processing", "rejected", "deleting")}
        return JSONResponse(
            {"documents": found[start:end], "next": str(end) if end < len(found) else None, "queue": queue}
        )

    async def _get_passages(self, request: Request) -> Response:
        around, document = int(request.query_params["around"]), request.path_params["id"]
        cited = {it["ordinal"]: it["text"] for it in CITATIONS if it["document_id"] == document}
        texts = {n: cited.get(n, f"Passage {n} of {document}.") for n in range(max(0, around - 2), around + 3)}
        if self.documents_changed:
            texts = dict.fromkeys(texts, "Rewritten.")
        passages = [{"ordinal": n, "heading_path": [], "place": {}, "text": text} for n, text in texts.items()]
        return JSONResponse({"title": "", "uri": "", "chunks": 100, "passages": passages})

    async def _post_documents(self, request: Request) -> Response:
        async with request.form() as form:
            file = form["file"]
            assert isinstance(file, UploadFile)
            document_id, body = file.filename or "", await file.read()
        is_conflict = document_id in self.documents and body != self._bodies.get(document_id)
        if is_conflict and "replace" not in request.query_params:
            raise Problem(409, "Conflict", "There is a document of this name already.")
        self._bodies[document_id] = body
        self._later(self._process(document_id, body))
        return JSONResponse({"documents": [{"id": document_id, "state": "queued"}]}, status_code=202)

    async def _delete_document(self, request: Request) -> Response:
        document_id = request.path_params["id"]
        self.documents[document_id] = self.documents[document_id] | {"state": "deleting"}
        self._later(self._delete(document_id))
        return JSONResponse({"id": document_id, "state": "deleting"}, status_code=202)

    async def _process(self, document_id: str, body: bytes) -> None:
        before = self.documents.get(document_id, {})
        is_ready = before.get("state") == "ready"

        def show(progress: dict) -> None:
            self.documents[document_id] = before | {"update": progress} if is_ready else {"id": document_id, **progress}

        for state in ("queued", "processing"):
            show({"state": state, "reason": None})
            await self._stay()
        if b"\0" in body:
            show({"state": "rejected", "reason": "The file is binary, not text."})
        else:
            title = body.decode().partition("\n")[0].removeprefix("# ")
            self.documents[document_id] = document(document_id, title=title)

    async def _delete(self, document_id: str) -> None:
        await self._stay()
        del self.documents[document_id]

    async def _stay(self) -> None:
        await (self.step.acquire() if self.step else asyncio.sleep(self.seconds_per_state))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        # The event loop keeps only weak references to tasks.
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _states_of(document: dict[str, Any]) -> list[str]:
    return [document["state"], *([document["update"]["state"]] if document.get("update") else [])]


def to_sse(event: Event) -> str:
    name, data = event
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def problem_response(problem: Problem) -> Response:
    return JSONResponse(problem.body, problem.body["status"], media_type="application/problem+json")


def with_security_headers(app: ASGIApp) -> ASGIApp:
    async def secured(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(b"content-security-policy", CSP), (b"cache-control", b"no-store")]
            await send(message)

        await app(scope, receive, send_secured)

    return secured


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8010)
    parser.add_argument("--key", help="answer 401 without this key")
    parser.add_argument("--empty", action="store_true", help="start without documents")
    options = parser.parse_args()
    library = {} if options.empty else {one["id"]: one for one in LIBRARY}
    answer = functools.partial(scripted_answer, seconds_per_token=0.02)
    service = FakeService(answer=answer, key=options.key, documents=library, seconds_per_state=1.5)
    async with service.serve(options.port):
        sys.stdout.write(f"The page is at {service.url}/\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
