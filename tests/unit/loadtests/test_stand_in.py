import asyncio
import itertools
import json
import math
import statistics
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from loadtests.stand_in import Delays, open_stand_in

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is it?"}]


async def read(session: aiohttp.ClientSession, url: str, **more) -> AsyncIterator[tuple[float, str]]:
    began = time.perf_counter()
    async with session.post(f"{url}/v1/chat/completions", json={"messages": MESSAGES, "stream": True} | more) as answer:
        assert answer.status == 200
        async for line in answer.content:
            if line.startswith(b"data: "):
                yield time.perf_counter() - began, line[6:].decode().strip()


async def stream(session: aiohttp.ClientSession, url: str, **more) -> list[tuple[float, str]]:
    return [event async for event in read(session, url, **more)]


def test_delays_are_log_normal_around_their_medians():
    delays = Delays(ttft=0.2, tpot=0.02, sigma=0.3, tokens=11)
    answers = [list(delays.draw(number, 11)) for number in range(2000)]
    firsts, rest = [answer[0] for answer in answers], [delay for answer in answers for delay in answer[1:]]
    for drawn, median in ((firsts, 0.2), (rest, 0.02)):
        logarithms = [math.log(delay) for delay in drawn]
        assert abs(statistics.median(drawn) / median - 1) < 0.05
        assert abs(statistics.pstdev(logarithms) - 0.3) < 0.02
        skew = statistics.fmean(((value - math.log(median)) / 0.3) ** 3 for value in logarithms)
        assert abs(skew) < 0.3


def test_seed_and_number_of_the_answer_determine_its_delays():
    assert list(Delays(seed=1).draw(7, 5)) == list(Delays(seed=1).draw(7, 5))
    assert list(Delays(seed=1).draw(7, 5)) != list(Delays(seed=2).draw(7, 5))
    assert list(Delays(seed=1).draw(7, 5)) != list(Delays(seed=1).draw(8, 5))


async def test_a_token_is_never_early_and_a_late_token_does_not_delay_the_next_ones():
    delays = Delays(ttft=0.3, tpot=0.1, sigma=0, tokens=12)

    times: list[float] = []
    has_begun = asyncio.Event()

    async def note_times() -> None:
        async for at, data in read(session, url):
            if '"content"' in data and json.loads(data)["choices"][0]["delta"].get("content"):
                times.append(at)
                has_begun.set()

    async with asyncio.timeout(120), open_stand_in(delays) as url, aiohttp.ClientSession() as session:
        # The event loop stalls from the second to the eighth token.
        asyncio.get_running_loop().call_later(0.35, time.sleep, 0.7)
        streaming = asyncio.create_task(note_times())
        await has_begun.wait()
        # The last token is due 1.1 s after the first one, and would come after 1.75 s if the stall delayed all others.
        # The stand-in waits for the same event loop, which passes on in some rounds what was written.
        await asyncio.sleep(1.4)
        for _ in range(100):
            await asyncio.sleep(0)
        assert streaming.done()
    assert len(times) == 12
    assert all(time >= 0.3 + 0.1 * n - 0.003 for n, time in enumerate(times))


async def test_a_stream_has_openais_shape():
    async with open_stand_in(Delays(ttft=0, tpot=0, tokens=3)) as url, aiohttp.ClientSession() as session:
        plain = [data for _, data in await stream(session, url)]
        counted = [data for _, data in await stream(session, url, stream_options={"include_usage": True}, model="m")]
    assert plain[-1] == counted[-1] == "[DONE]"
    first, *_, usage = [json.loads(data) for data in counted[:-1]]
    assert first["object"] == "chat.completion.chunk"
    assert (first["model"], first["choices"][0]["delta"]["role"]) == ("m", "assistant")
    assert usage["choices"] == []
    assert usage["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    ends = [json.loads(data) for data in plain[:-1]]
    assert [body["choices"][0]["finish_reason"] for body in ends] == [None, None, None, None, "stop"]
    assert len({body["id"] for body in ends}) == 1
    assert not any("usage" in body for body in ends)


async def test_an_answer_without_streaming_has_openais_shape_and_respects_max_tokens():
    async with open_stand_in(Delays(ttft=0, tpot=0, tokens=9)) as url, aiohttp.ClientSession() as session:
        request = {"messages": MESSAGES, "max_tokens": 4}
        async with session.post(f"{url}/v1/chat/completions", json=request) as response:
            body = await response.json()
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "The documents say so"}
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 4


async def test_models_and_health_are_served_and_malformed_requests_rejected():
    async with open_stand_in(Delays()) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/v1/models") as models:
            assert [model["id"] for model in (await models.json())["data"]] == ["stand-in"]
        async with session.get(f"{url}/health") as health:
            assert health.status == 200
        for malformed in (b"{", b"{}", b'{"messages": 3}'):
            async with session.post(f"{url}/v1/chat/completions", data=malformed) as refused:
                assert refused.status == 400
                assert "chat completion" in (await refused.json())["error"]["message"]


async def test_a_hundred_streams_are_written_concurrently():
    async with open_stand_in(Delays(ttft=0.2, tpot=0.01, sigma=0, tokens=5)) as url, aiohttp.ClientSession() as session:
        began = time.perf_counter()
        streams = await asyncio.gather(*(stream(session, url) for _ in range(100)))
        assert time.perf_counter() - began < 20  # Sequentially they would take 24 s.
    assert all(events[-1][1] == "[DONE]" for events in streams)


@pytest.mark.parametrize("tokens", [1, 64])
def test_each_token_has_a_delay(tokens):
    assert len(list(itertools.islice(Delays().draw(0, tokens), 100))) == tokens
