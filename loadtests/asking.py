"""One streamed answer, watched from outside: when it was due, sent, began, went on and ended."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

Outcome = Literal["ok", "refused", "failed"]
Clock = Callable[[], float]
"""Seconds since the run began."""

_TOO_MANY_REQUESTS = 429
_EXCERPT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where questions go, and what a request for one looks like."""

    url: str
    body: Callable[[str], Mapping[str, Any]]
    headers: Mapping[str, str] = field(default_factory=dict)


def service_at(base: str, *, api_key: str | None = None) -> Target:
    """The service's own `/v1/answers`, streamed."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return Target(
        url=f"{base}/v1/answers", body=lambda question: {"question": question, "stream": True}, headers=headers
    )


def model_at(base: str, *, model: str = "stand-in") -> Target:
    """A model server's `/v1/chat/completions`, streamed: what the service itself calls."""
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
class Observation:
    """One request; times in seconds since the run began."""

    due: float
    """When it was meant to be sent: everything is measured from here."""
    sent: float
    ended: float = 0.0
    outcome: Outcome = "failed"
    reason: str = ""
    """Why it was refused or failed."""
    retry_after: str | None = None
    contents: list[float] = field(default_factory=list)
    """When each piece of the answer's text came; role, sources, usage and the like are none."""
    counted: int | None = None
    """Tokens as the model counted them, where the stream tells."""
    declined: bool = False
    """The service answered that the documents do not hold it, without asking the model."""

    @property
    def latency(self) -> float:
        return self.ended - self.due

    @property
    def ttft(self) -> float:
        return self.contents[0] - self.due

    @property
    def tokens(self) -> int:
        return self.counted or len(self.contents)

    @property
    def tpot(self) -> float | None:
        """None: a single token has no pace."""
        return (self.latency - self.ttft) / (self.tokens - 1) if self.tokens > 1 else None


async def ask(
    session: aiohttp.ClientSession, target: Target, question: str, *, due: float, clock: Clock, patience: float
) -> Observation:
    """Never raises for what the other side does: that is what is observed."""
    seen = Observation(due=due, sent=clock())
    try:
        async with (
            asyncio.timeout(patience),
            session.post(target.url, json=target.body(question), headers=target.headers) as response,
        ):
            if response.status != 200:
                seen.outcome = "refused" if response.status == _TOO_MANY_REQUESTS else "failed"
                seen.retry_after = response.headers.get("Retry-After")
                seen.reason = f"{response.status}: {(await response.text(errors='replace'))[:_EXCERPT]}"
            elif response.content_type != "text/event-stream":
                # The page of a gateway, or of a login to which it has led.
                seen.reason = f"{response.content_type}: {(await response.text(errors='replace'))[:_EXCERPT]}"
            else:
                await _read(response.content, seen, clock)
    except TimeoutError:
        seen.reason = f"no end within {patience:g} s"
    except aiohttp.ClientError as error:
        seen.reason = f"{type(error).__name__}: {error}"
    seen.ended = clock()
    return seen


async def _read(stream: aiohttp.StreamReader, seen: Observation, clock: Clock) -> None:
    """A stream without text, or without its proper end, has failed."""
    finished = False
    async for event, data in _events(stream):
        if event == b"error":
            seen.reason = f"broken off: {_excerpt(data)}"
            return
        if data == b"[DONE]":
            finished = True
            continue
        try:
            _take_in(event, json.loads(data), seen, clock)
        except (ValueError, LookupError, TypeError, AttributeError):
            seen.reason = f"no event of an answer: {_excerpt(data)}"
            return
        finished = finished or event == b"done"
    if not finished or not seen.contents:
        seen.reason = "the stream ended before the answer did"
        return
    seen.outcome = "ok"


def _take_in(event: bytes, body: Mapping[str, Any], seen: Observation, clock: Clock) -> None:
    """Raises whatever a body that is none of ours leads to."""
    if _text_of(event, body):
        seen.contents.append(clock())
    elif usage := body.get("usage"):
        seen.counted = usage.get("completion_tokens")
    if event == b"done":
        seen.declined = bool(body.get("refused"))


def _text_of(event: bytes, body: Mapping[str, Any]) -> str:
    if event == b"token":
        return str(body["text"])
    return "".join(choice["delta"].get("content") or "" for choice in body.get("choices", ()))


async def _events(stream: aiohttp.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """(event, data) of each server-sent event that has data, as soon as it is whole; a comment is none."""
    pending = b""
    async for piece in stream.iter_any():
        *whole, pending = (pending + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        for block in whole:
            lines = (line.partition(b":") for line in block.split(b"\n"))
            fields = {name: value.removeprefix(b" ") for name, _, value in lines}
            if data := fields.get(b"data"):
                yield fields.get(b"event", b""), data


def _excerpt(data: bytes) -> str:
    return data[:_EXCERPT].decode(errors="replace")
