import asyncio
import itertools
import json
import math
import statistics
import time

import aiohttp
import pytest

from loadtests.stand_in import Pace, open_stand_in
from tests.support.loadtests import unhurried

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is it?"}]


async def stream(session: aiohttp.ClientSession, url: str, **more) -> list[tuple[float, str]]:
    began, events = time.perf_counter(), []
    async with session.post(f"{url}/v1/chat/completions", json={"messages": MESSAGES, "stream": True} | more) as answer:
        assert answer.status == 200
        async for line in answer.content:
            if line.startswith(b"data: "):
                events.append((time.perf_counter() - began, line[6:].decode().strip()))
    return events


def test_delays_are_log_normal_around_their_medians():
    pace = Pace(ttft=0.2, tpot=0.02, sigma=0.3, tokens=11)
    answers = [list(pace.delays(number, 11)) for number in range(2000)]
    firsts, rest = [one[0] for one in answers], [delay for one in answers for delay in one[1:]]
    for delays, median in ((firsts, 0.2), (rest, 0.02)):
        logarithms = [math.log(delay) for delay in delays]
        assert abs(statistics.median(delays) / median - 1) < 0.05
        assert abs(statistics.pstdev(logarithms) - 0.3) < 0.02
        skew = statistics.fmean(((value - math.log(median)) / 0.3) ** 3 for value in logarithms)
        assert abs(skew) < 0.3


def test_the_same_seed_gives_the_same_delays_to_the_same_answer():
    assert list(Pace(seed=1).delays(7, 5)) == list(Pace(seed=1).delays(7, 5))
    assert list(Pace(seed=1).delays(7, 5)) != list(Pace(seed=2).delays(7, 5))
    assert list(Pace(seed=1).delays(7, 5)) != list(Pace(seed=1).delays(8, 5))


async def test_a_token_never_comes_early_and_a_late_one_does_not_put_off_those_after_it():
    pace = Pace(ttft=0.3, tpot=0.1, sigma=0, tokens=12)

    async def attempt() -> None:
        async with open_stand_in(pace) as url, aiohttp.ClientSession() as session:
            # All stands still for the second to the eighth.
            asyncio.get_running_loop().call_later(0.35, time.sleep, 0.7)
            events = await stream(session, url)
        bodies = [(at, json.loads(data)) for at, data in events if data != "[DONE]"]
        times = [at for at, body in bodies if body["choices"] and body["choices"][0]["delta"].get("content")]
        assert len(times) == 12
        assert all(time >= 0.3 + 0.1 * n - 0.003 for n, time in enumerate(times))
        assert times[-1] < 1.4 + 0.6

    await unhurried(attempt)


async def test_a_stream_has_openais_shape():
    async with open_stand_in(Pace(ttft=0, tpot=0, tokens=3)) as url, aiohttp.ClientSession() as session:
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


async def test_an_answer_at_once_has_openais_shape_and_keeps_to_its_limit():
    async with open_stand_in(Pace(ttft=0, tpot=0, tokens=9)) as url, aiohttp.ClientSession() as session:
        request = {"messages": MESSAGES, "max_tokens": 4}
        async with session.post(f"{url}/v1/chat/completions", json=request) as response:
            body = await response.json()
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "The documents say so"}
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 4


async def test_models_health_and_nonsense():
    async with open_stand_in(Pace()) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/v1/models") as models:
            assert [model["id"] for model in (await models.json())["data"]] == ["stand-in"]
        async with session.get(f"{url}/health") as health:
            assert health.status == 200
        for nonsense in (b"{", b"{}", b'{"messages": 3}'):
            async with session.post(f"{url}/v1/chat/completions", data=nonsense) as refused:
                assert refused.status == 400
                assert "chat completion" in (await refused.json())["error"]["message"]


async def test_a_hundred_streams_are_written_side_by_side():
    async with open_stand_in(Pace(ttft=0.2, tpot=0.01, sigma=0, tokens=5)) as url, aiohttp.ClientSession() as session:
        began = time.perf_counter()
        streams = await asyncio.gather(*(stream(session, url) for _ in range(100)))
        assert time.perf_counter() - began < 20  # One after the other: 24 s.
    assert all(events[-1][1] == "[DONE]" for events in streams)


@pytest.mark.parametrize("tokens", [1, 64])
def test_an_answer_has_as_many_delays_as_tokens(tokens):
    assert len(list(itertools.islice(Pace().delays(0, tokens), 100))) == tokens
