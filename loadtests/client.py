"""One streamed answer, timed from outside: when it was due, sent, started, continued and ended."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

Outcome = Literal["ok", "overloaded", "failed"]
Clock = Callable[[], float]
"""Returns the seconds since the run started."""

_TOO_MANY_REQUESTS = 429
_EXCERPT_BYTES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An endpoint, and how a request for one question looks there."""

    url: str
    body: Callable[[str], Mapping[str, Any]]
    headers: Mapping[str, str] = field(default_factory=dict)


def service_at(base: str, *, api_key: str | None = None) -> Target:
    """Return the service's own `/v1/answers`, streamed."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return Target(
        url=f"{base}/v1/answers", body=lambda question: {"question": question, "stream": True}, headers=headers
    )


def model_at(base: str, *, model: str = "stand-in") -> Target:
    """Return a model server's `/v1/chat/completions`, streamed, as the service calls it."""
    return Target(
        url=f"{base}/v1/chat/completions",
        body=lambda question: {
            "model": model,
            "messages": [{"role": "user", "content": question}],
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    )


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """The times and the outcome of one request. All times are seconds since the run started."""

    due: float
    """When the request was scheduled. Every duration is measured from here."""
    sent: float
    ended: float = 0.0
    outcome: Outcome = "failed"
    reason: str = ""
    """Why the request failed, or that the service was overloaded."""
    retry_after: str | None = None
    content_times: list[float] = field(default_factory=list)
    """When each piece of the answer's text arrived. Events without text (role, sources, usage) are not counted, nor is
    white space before the first visible text.
    """
    completion_tokens: int | None = None
    """The model's own token count, if the stream contains it."""
    declined: bool = False
    """The service answered that the documents do not contain the answer, without a call to the model."""

    @property
    def latency(self) -> float:
        return self.ended - self.due

    @property
    def ttft(self) -> float:
        return self.content_times[0] - self.due

    @property
    def tokens(self) -> int:
        return self.completion_tokens or len(self.content_times)

    @property
    def tpot(self) -> float | None:
        """Seconds per output token after the first. None for an answer of one token."""
        return (self.latency - self.ttft) / (self.tokens - 1) if self.tokens > 1 else None


async def ask(
    session: aiohttp.ClientSession, target: Target, question: str, *, due: float, clock: Clock, timeout_seconds: float
) -> RequestRecord:
    """Send one question and record what happened. An error of the other side is recorded, never raised."""
    record = RequestRecord(due=due, sent=clock())
    try:
        async with (
            asyncio.timeout(timeout_seconds),
            session.post(target.url, json=target.body(question), headers=target.headers) as response,
        ):
            if response.status != 200:
                record.outcome = "overloaded" if response.status == _TOO_MANY_REQUESTS else "failed"
                record.retry_after = response.headers.get("Retry-After")
                record.reason = f"{response.status}: {(await response.text(errors='replace'))[:_EXCERPT_BYTES]}"
            elif response.content_type != "text/event-stream":
                # A gateway's page, or the login page to which the gateway redirected.
                record.reason = f"{response.content_type}: {(await response.text(errors='replace'))[:_EXCERPT_BYTES]}"
            else:
                await _read(response.content, record, clock)
    except TimeoutError:
        record.reason = f"not finished within {timeout_seconds:g} s"
    except aiohttp.ClientError as error:
        record.reason = f"{type(error).__name__}: {error}"
    record.ended = clock()
    return record


async def _read(stream: aiohttp.StreamReader, record: RequestRecord, clock: Clock) -> None:
    """Read the stream. One without text, or without its final event, has failed."""
    finished = False
    async for event, data in _events(stream):
        if event == b"error":
            record.reason = f"broken off: {_excerpt(data)}"
            return
        if data == b"[DONE]":
            finished = True
            continue
        try:
            _record_event(event, json.loads(data), record, clock)
        except (ValueError, LookupError, TypeError, AttributeError):
            record.reason = f"not an event of an answer: {_excerpt(data)}"
            return
        finished = finished or event == b"done"
    if not finished or not record.content_times:
        record.reason = "the stream ended before the answer did"
        return
    record.outcome = "ok"


def _record_event(event: bytes, body: Mapping[str, Any], record: RequestRecord, clock: Clock) -> None:
    """Add one event to the record. A body of an unknown shape raises what the access to its fields raises."""
    text = _text_of(event, body)
    if text and (record.content_times or text.strip()):
        record.content_times.append(clock())
    elif usage := body.get("usage"):
        record.completion_tokens = usage.get("completion_tokens")
    if event == b"done":
        record.declined = bool(body.get("declined"))


def _text_of(event: bytes, body: Mapping[str, Any]) -> str:
    if event == b"token":
        return str(body["text"])
    return "".join(choice["delta"].get("content") or "" for choice in body.get("choices", ()))


async def _events(stream: aiohttp.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """Yield (event, data) for each complete server-sent event that has data. Comments have none."""
    pending = b""
    async for received in stream.iter_any():
        *complete, pending = (pending + received).replace(b"\r\n", b"\n").split(b"\n\n")
        for block in complete:
            lines = (line.partition(b":") for line in block.split(b"\n"))
            fields = {name: value.removeprefix(b" ") for name, _, value in lines}
            if data := fields.get(b"data"):
                yield fields.get(b"event", b""), data


def _excerpt(data: bytes) -> str:
    return data[:_EXCERPT_BYTES].decode(errors="replace")
