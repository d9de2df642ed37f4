"""The response that sends events, and comments in its pauses."""

import asyncio

from service.http.event_stream import EventStreamResponse, to_event


async def respond(events, send, *, pause_seconds: float) -> None:
    async def receive():
        await asyncio.Event().wait()

    response = EventStreamResponse(events, when_ended=events.aclose, pause_seconds=pause_seconds)
    await response({"type": "http"}, receive, send)


async def sent_by(events, *, pause_seconds: float) -> list[bytes]:
    """Return the pieces of the body."""
    pieces: list[bytes] = []

    async def send(message):
        if message["type"] == "http.response.body":
            pieces.append(message["body"])

    await respond(events, send, pause_seconds=pause_seconds)
    return pieces


async def test_a_comment_is_sent_whenever_the_events_pause():
    async def events():
        yield to_event("sources", "{}")
        await asyncio.sleep(0.5)
        yield to_event("token", "{}")
        await asyncio.sleep(0.5)

    pieces = await sent_by(events(), pause_seconds=0.02)
    comments = [piece for piece in pieces if piece.startswith(b":")]
    assert len(comments) >= 2
    assert all(piece.endswith(b"\n\n") for piece in comments)
    token = pieces.index(b"event: token\ndata: {}\n\n")
    assert pieces[token - 1].startswith(b":")
    assert pieces[token + 1].startswith(b":")


async def test_a_stream_without_pauses_has_no_comments():
    async def events():
        for _ in range(3):
            await asyncio.sleep(0)
            yield to_event("token", "{}")

    assert await sent_by(events(), pause_seconds=60) == [b"event: token\ndata: {}\n\n"] * 3 + [b""]


async def test_nothing_follows_the_end_however_slowly_the_client_receives_it():
    async def events():
        yield to_event("done", "{}")

    sent = []

    async def send(message):
        sent.append(message)
        if message["type"] == "http.response.body" and not message["more_body"]:
            await asyncio.sleep(0.2)

    await respond(events(), send, pause_seconds=0.02)
    assert [message.get("more_body") for message in sent] == [None, True, False]
