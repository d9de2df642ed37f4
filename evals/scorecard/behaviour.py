"""How a service behaves when many clients ask, when clients leave, and when its model fails."""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence

import aiohttp

from evals.scorecard.asking import TURNED_AWAY, Door, Reply, ask
from evals.scorecard.card import Figure
from evals.scorecard.stand_in import Behaviour, StandIn

# Clients that leave at the same time: enough to fill a small pool of threads or connections, if they are not let go.
_LEAVING = 8
# An abandoned answer of the stand-in would take ten seconds.
_LET_GO_SECONDS = 15.0
_POLL_SECONDS = 0.05
# Gauges of requests in progress, by the names that instrumentations give them.
_GAUGE = re.compile(
    r"^\w*(?:in_?flight|in_?progress|active_requests|requests_active|num_requests_running)\w*"
    r"(?:\{[^}]*\})? (\d[\d.e+]*)",
    re.MULTILINE,
)
_METRICS_BYTES = 4 << 20
_METRICS_SECONDS = 10.0
_BEHAVIOURS: Mapping[str, Behaviour] = {
    "model_slow": "slow",
    "model_fails": "fail",
    "model_breaks": "break",
    "model_hangs": "hang",
}


async def measure_overload(
    session: aiohttp.ClientSession, door: Door, questions: Sequence[str], *, clients: int, seconds: float
) -> Figure:
    """Ask many questions at once. The value is the share that is answered, or turned away with a time to come back."""
    texts = itertools.islice(itertools.cycle(questions), clients)
    replies = await asyncio.gather(*(ask(session, door, text, seconds=seconds) for text in texts))
    kinds = Counter(_kind_of(reply) for reply in replies)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    handled = sum(kinds[kind] for kind in ("answered", "turned away with Retry-After"))
    slowest = max(reply.total for reply in replies)
    return Figure(text=f"of {clients}: {counts}; the last after {slowest:.1f} s", value=handled / clients)


async def measure_leaving(
    session: aiohttp.ClientSession, door: Door, question: str, *, seconds: float, model: StandIn | None
) -> Figure:
    """Let clients leave at their first text, and ask the next question at once.

    The value is the number of seconds until the next question's first text.
    """
    abandoned = (await model.counts()).abandoned if model else 0
    busy = await _read_gauge(session, door.url)
    leaving = [ask(session, door, question, seconds=seconds, leave=True) for _ in range(_LEAVING)]
    replies = await asyncio.gather(*leaving)
    if staying := [reply for reply in replies if reply.ending != "left"]:
        return Figure(text=f"clients could not leave in mid-stream: {staying[0].describe()}")
    limit = min(seconds, _LET_GO_SECONDS)
    watching = _watch_model(model, abandoned, limit) if model else _watch_gauge(session, door.url, busy, limit)
    work, following = await asyncio.gather(watching, ask(session, door, question, seconds=seconds, leave=True))
    first = following.first_text
    after = f"next first text after {first:.2f} s" if first is not None else f"next question: {following.describe()}"
    return Figure(text="; ".join(filter(None, [work, after])), value=first)


async def measure_model(
    session: aiohttp.ClientSession, door: Door, question: str, model: StandIn, *, seconds: float
) -> dict[str, Figure]:
    """Let the model be slow, and fail in each way.

    The value of a slow model is the number of seconds until the client sees a sign of life. That of a failure is 1 if
    the client can tell that it has no complete answer.
    """
    figures: dict[str, Figure] = {}
    try:
        for key, behaviour in _BEHAVIOURS.items():
            await model.behave(behaviour)
            before = await model.counts()
            reply = await ask(session, door, question, seconds=seconds, leave=behaviour == "slow")
            if (await model.counts()).requests == before.requests:
                figures[key] = Figure(text=f"the stand-in was not asked: {reply.describe()}")
            elif behaviour == "slow":
                figures[key] = _waiting_of(reply)
            else:
                is_told = reply.ending in {"status", "error event", "broken off"}
                figures[key] = Figure(text=reply.describe(), value=float(is_told))
    finally:
        await model.behave("answer")
    return figures


def _waiting_of(reply: Reply) -> Figure:
    if reply.first_sign is None or reply.first_text is None:
        return Figure(text=reply.describe())
    return Figure(
        text=f"the first sign of life after {reply.first_sign:.1f} s, the first text after {reply.first_text:.1f} s",
        value=reply.first_sign,
    )


def _kind_of(reply: Reply) -> str:
    match reply.ending:
        case "complete":
            return "answered"
        case "status" if reply.status in TURNED_AWAY:
            return f"turned away {'with' if reply.retry_after else 'without'} Retry-After"
        case "status":
            return f"with status {reply.status}"
        case "silent":
            return "without an end"
        case _:
            return "broken off"


async def _watch_model(model: StandIn, abandoned: int, limit: float) -> str:
    """Return how long the model went on writing for clients that had left."""
    started = time.monotonic()
    while (waited := time.monotonic() - started) < limit:
        ended = (await model.counts()).abandoned - abandoned
        if ended >= _LEAVING:
            return f"their model calls end after {waited:.1f} s"
        await asyncio.sleep(_POLL_SECONDS)
    return f"{_LEAVING - ended} of {_LEAVING} model calls go on to their end"


async def _watch_gauge(session: aiohttp.ClientSession, url: str, busy: float | None, limit: float) -> str:
    """Return how long the service counted requests of clients that had left. Empty if it shows no gauge."""
    if busy is None:
        return ""
    started = time.monotonic()
    while (waited := time.monotonic() - started) < limit:
        now = await _read_gauge(session, url)
        if now is not None and now <= busy:
            return f"no request in progress after {waited:.1f} s"
        await asyncio.sleep(_POLL_SECONDS)
    return f"requests in progress after {limit:.0f} s"


async def _read_gauge(session: aiohttp.ClientSession, url: str) -> float | None:
    """Return the number of requests in progress from `/metrics`. None: the service does not show it."""
    try:
        async with (
            asyncio.timeout(_METRICS_SECONDS),
            session.get(f"{url}/metrics", allow_redirects=False) as response,
        ):
            text = (await response.content.read(_METRICS_BYTES)).decode(errors="replace")
    except (aiohttp.ClientError, TimeoutError):
        return None
    values = [float(value) for value in _GAUGE.findall(text)]
    return sum(values) if response.status == 200 and values else None
