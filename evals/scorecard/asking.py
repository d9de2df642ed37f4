"""One question to a service, over OpenAI's `/v1/chat/completions` or `/v1/answers`, and what the client sees of it."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from rag.sse import EventDecoder, EventTooLong, ServerSentEvent

Protocol = Literal["chat", "answers"]
Ending = Literal["complete", "status", "error event", "broken off", "silent", "left"]
"""How an answer ended: complete, with a status other than 200, with an error in the stream, without its last event,
without anything within the limit, or because this client left."""

PATHS: Mapping[Protocol, str] = {"chat": "/v1/chat/completions", "answers": "/v1/answers"}
TURNED_AWAY = frozenset({429, 503})
"""Statuses of a service that is overloaded and says so."""
# An answer is a page of text and its sources. A service that sends more than this has lost control of its stream.
_MAX_BYTES = 16 << 20
_EXCERPT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where and how a service is asked."""

    url: str
    """Address of the service, without `/v1`."""
    protocol: Protocol
    model: str = ""
    """Name of the model in requests to `/v1/chat/completions`."""

    def body(self, question: str) -> dict[str, Any]:
        if self.protocol == "answers":
            return {"question": question, "stream": True}
        return {"model": self.model, "messages": [{"role": "user", "content": question}], "stream": True}


@dataclass(slots=True, kw_only=True)
class Reply:
    """An answer as the client saw it. Times are seconds since the request."""

    text: str = ""
    declined: bool | None = None
    """Whether the service says in a field that it declined. None: it has no such field."""
    unsure: bool | None = None
    """Whether the service says in a field that its answer may not answer. None: it has no such field."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    """The JSON of all events, in which sources are searched."""
    ending: Ending = "broken off"
    status: int = 0
    retry_after: str = ""
    reason: str = ""
    """The beginning of an error's text."""
    first_sign: float | None = None
    """When the first bytes of the stream came: an event without text, or a comment that keeps the connection open."""
    first_text: float | None = None
    total: float = 0.0
    streamed: bool = False

    @property
    def is_complete(self) -> bool:
        return self.ending == "complete"

    def describe(self) -> str:
        """Return what a client sees, in a few words."""
        seconds = f"after {self.total:.1f} s"
        match self.ending:
            case "complete":
                return f"an answer that looks complete, {seconds}"
            case "status":
                return f"status {self.status}{' with Retry-After' if self.retry_after else ''} {seconds}"
            case "error event":
                return f"an error in the stream {seconds}"
            case "broken off":
                return f"a broken stream {seconds}" if self.status else f"no connection, {seconds}"
            case "left":
                return f"the first text {seconds}"
            case "silent":
                return f"nothing more within {self.total:.0f} s"


async def ask(
    session: aiohttp.ClientSession, door: Door, question: str, *, seconds: float, leave: bool = False
) -> Reply:
    """Ask one question. A failure of the service is a part of the reply, never an exception.

    With `leave`, close the connection as soon as the first text has arrived.
    """
    reply = Reply()
    started = time.perf_counter()
    reader = _Reader(door.protocol, reply, started)
    try:
        async with (
            asyncio.timeout(seconds),
            session.post(
                f"{door.url}{PATHS[door.protocol]}", json=door.body(question), allow_redirects=False
            ) as response,
        ):
            reply.status = response.status
            reply.retry_after = response.headers.get("Retry-After", "")
            reply.streamed = response.content_type == "text/event-stream"
            if response.status != 200:
                reply.ending = "status"
                reply.reason = (await response.content.read(_EXCERPT)).decode(errors="replace")
            elif reply.streamed:
                await _read_stream(response, reader, leave=leave)
            else:
                reader.read_whole(await _read_body(response))
            if reply.ending != "complete":
                response.close()
    except TimeoutError:
        reply.ending = "silent"
    # The last three are bodies of an unknown shape.
    except (aiohttp.ClientError, ConnectionError, ValueError, AttributeError, TypeError, LookupError) as error:
        reply.ending = "broken off"
        reply.reason = f"{type(error).__name__}: {error}"[:_EXCERPT]
    reply.total = time.perf_counter() - started
    return reply


async def _read_stream(response: aiohttp.ClientResponse, reader: "_Reader", *, leave: bool) -> None:
    """Read events until the last one. Raises `EventTooLong`."""
    decoder, size = EventDecoder(limit=_MAX_BYTES), 0
    async for received in response.content.iter_any():
        reader.see()
        size += len(received)
        if size > _MAX_BYTES:
            raise EventTooLong(f"The stream has more than {_MAX_BYTES:,} bytes.")
        for event in decoder.push(received):
            reader.read_event(event)
        if leave and reader.reply.first_text is not None:
            reader.reply.ending = "left"
            return
        # Some servers leave the connection open after their last event.
        if reader.is_over:
            return
    for event in decoder.end():
        reader.read_event(event)


async def _read_body(response: aiohttp.ClientResponse) -> Any:
    """Return the JSON of a response that is not a stream. Raise `ValueError` for anything else."""
    body = bytearray()
    async for received in response.content.iter_any():
        body += received
        if len(body) > _MAX_BYTES:
            raise EventTooLong(f"The response has more than {_MAX_BYTES:,} bytes.")
    return json.loads(body)


class _Reader:
    """Reads the events of one answer into its reply."""

    def __init__(self, protocol: Protocol, reply: Reply, started: float) -> None:
        self.reply = reply
        self.is_over = False
        """Whether the last event was read, which may be an error."""
        self._protocol = protocol
        self._started = started

    def see(self) -> None:
        if self.reply.first_sign is None:
            self.reply.first_sign = time.perf_counter() - self._started

    def read_event(self, event: ServerSentEvent) -> None:
        if event.data.strip() == "[DONE]":
            self._complete()
            self.is_over = True
            return
        body = json.loads(event.data)
        if event.name == "error" or (isinstance(body, dict) and body.get("error")):
            self.reply.ending = "error event"
            self.is_over = True
            self.reply.reason = event.data[:_EXCERPT]
        elif isinstance(body, dict):
            self.reply.bodies.append(body)
            if self._protocol == "chat":
                self._read_choices(body, "delta")
            else:
                self._read_answer_event(event.name, body)

    def read_whole(self, body: Any) -> None:
        if not isinstance(body, dict):
            raise ValueError("The answer is not a JSON object.")
        self.reply.bodies.append(body)
        if self._protocol == "chat":
            self._read_choices(body, "message")
        else:
            self._read_answer(body)
        self._complete()

    def _read_choices(self, body: Mapping[str, Any], part: str) -> None:
        for choice in body.get("choices") or ():
            message = choice.get(part) or {}
            self._add(_text_of(message.get("content")))
            if refusal := message.get("refusal"):
                self._add(str(refusal))
                self.reply.declined = True
            if choice.get("finish_reason"):
                self._complete()
        self._read_fields(body.get("rag") or {})

    def _read_answer_event(self, name: str, body: Mapping[str, Any]) -> None:
        if name == "token":
            self._add(str(body.get("text", "")))
        elif name == "done":
            self._read_answer(body)
            self._complete()
            self.is_over = True

    def _read_answer(self, body: Mapping[str, Any]) -> None:
        """Read the whole answer, which may correct what was streamed."""
        text = str(body.get("answer", ""))
        self._add("" if self.reply.text else text)
        self.reply.text = text or self.reply.text
        self._read_fields(body)

    def _read_fields(self, body: Mapping[str, Any]) -> None:
        if isinstance(body.get("declined"), bool):
            self.reply.declined = body["declined"]
        if isinstance(body.get("unsure"), bool):
            self.reply.unsure = body["unsure"]

    def _add(self, text: str) -> None:
        self.reply.text += text
        if self.reply.first_text is None and self.reply.text.strip():
            self.reply.first_text = time.perf_counter() - self._started

    def _complete(self) -> None:
        if self.reply.ending == "broken off":
            self.reply.ending = "complete"


def _text_of(content: Any) -> str:
    """Return the text of a message. Some servers send it in parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content)
    return str(content or "")
