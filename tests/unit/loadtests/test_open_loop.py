import asyncio
import itertools
import time

import pytest
from aiohttp import web

from loadtests.arrivals import poisson
from loadtests.asking import service_at
from loadtests.figures import Figures, Objectives
from loadtests.open_loop import Concurrency, run_open_loop
from tests.support.fakes.servers import serve
from tests.support.loadtests import answer, event, scripted, unhurried

OBJECTIVES = Objectives(ttft=0.2, tpot=0.1, latency=1.0)
QUICK = ((0.0, event("token", text="Yes.")), (0.0, event("done", refused=False, usage={})))


async def run(url: str, arrivals: list[float], seconds: float = 1.0, **more):
    return await run_open_loop(service_at(url), arrivals, itertools.repeat("What?"), seconds=seconds, **more)


async def test_first_text_counts_and_what_comes_before_it_does_not():
    done = event("done", refused=False, usage={"completion_tokens": 4})
    async with scripted(
        (0.05, event("sources", sources=[])),
        (0.05, event("token", text="")),
        (0.1, event("token", text="One ")),
        (0.1, event("token", text="two.")),
        (0.0, done),
    ) as url:
        [seen] = (await run(url, [0.0])).observations
    assert seen.outcome == "ok"
    assert 0.195 <= seen.ttft < seen.latency
    assert seen.tokens == 4
    assert seen.tpot == pytest.approx((seen.latency - seen.ttft) / 3)


async def test_a_server_that_stalls_is_seen_by_everyone_who_arrived_meanwhile():
    """A closed loop would send one request during the stall, and report one bad time in a hundred."""

    async def attempt() -> None:
        stalled = asyncio.Event()
        asked = 0

        async def stalls_once(request: web.Request) -> web.StreamResponse:
            nonlocal asked
            asked += 1
            if asked == 20:
                asyncio.get_running_loop().call_later(1.0, stalled.set)
            if asked >= 20:
                await stalled.wait()
            return await answer(request, QUICK)

        arrivals = [n * 0.02 for n in range(100)]
        async with serve("/v1/answers", stalls_once) as url:
            figures = Figures.of(await run(url, arrivals, seconds=2.0), OBJECTIVES)
        assert figures.answered == 100
        # Half of the two seconds stood still: half of the requests waited for what was left of it.
        assert figures.ttft.p50 < 0.2
        assert figures.ttft.p90 > 0.7
        assert figures.ttft.max == pytest.approx(1.0, abs=0.2)
        assert 0.45 < figures.goodput_share < 0.75

    await unhurried(attempt)


async def test_times_count_from_when_a_request_was_due_even_if_the_client_was_late():
    async with scripted(*QUICK) as url:
        running = asyncio.create_task(run(url, [0.2, 0.3, 0.4]))
        await asyncio.sleep(0.1)
        # The client itself stands still: nothing of that may be lost.
        time.sleep(0.6)  # noqa: ASYNC251 - that is the point
        figures = Figures.of(await running, OBJECTIVES)
    assert figures.late.min > 0.2
    assert figures.ttft.min > 0.2
    assert figures.latency.max > 0.45


async def test_refusals_and_failures_stand_apart_and_have_no_share_in_the_percentiles():
    number = itertools.count()

    async def mixed(request: web.Request) -> web.StreamResponse:
        match next(number) % 5:
            case 0:
                return web.Response(status=429, headers={"Retry-After": "2"})
            case 1:
                return web.Response(status=429)
            case 2:
                return web.Response(status=503, text="down")
            case 3:
                return await answer(request, [(0.0, event("token", text="Half an ans"))])
            case _:
                return await answer(request, QUICK)

    async with serve("/v1/answers", mixed) as url:
        seen = await run(url, [n * 0.02 for n in range(25)])
    # Nothing is too slow here: a share is lost to refusals and failures only.
    figures = Figures.of(seen, Objectives(ttft=30, tpot=30, latency=60))
    assert (figures.answered, figures.refused, figures.failed) == (5, 10, 10)
    assert figures.refused_without_retry_after == 5
    assert figures.ttft.count == figures.latency.count == 5
    assert figures.goodput_share == 0.2
    assert figures.reasons["503: down"] == 5
    assert figures.reasons["the stream ended before the answer did"] == 5


async def test_a_broken_stream_and_one_without_end_have_failed():
    async with scripted((0.0, event("token", text="A")), (0.0, event("error", status=502, detail="gone"))) as url:
        [broken] = (await run(url, [0.0])).observations
    async with scripted((0.0, event("token", text="A")), (30.0, b"")) as url:
        [endless] = (await run(url, [0.0], patience=0.3)).observations
    assert (broken.outcome, endless.outcome) == ("failed", "failed")
    assert "gone" in broken.reason
    assert "0.3 s" in endless.reason


async def test_what_keeps_a_connection_alive_is_no_event():
    said = (event("token", text="Yes."), event("done", refused=False, usage={"completion_tokens": 1}))
    alive = (b": ping\n\n", b"event: ping\n\n", b"data:\n\n", b"retry: 3000\n\n", b"\n\n")
    plain = [(0.0, sent) for pair in zip(alive, (*said, *alive), strict=False) for sent in pair]
    async with scripted(*plain) as url:
        [seen] = (await run(url, [0.0])).observations
    assert (seen.outcome, seen.reason, seen.tokens) == ("ok", "", 1)


async def test_a_gateway_may_end_lines_and_cut_pieces_where_it_likes():
    whole = (event("token", text="Yes.") + event("done", refused=False)).replace(b"\n", b"\r\n").replace(b": ", b":")
    async with scripted(*((0.002, bytes([byte])) for byte in whole)) as url:
        [seen] = (await run(url, [0.0])).observations
    assert (seen.outcome, len(seen.contents)) == ("ok", 1)


@pytest.mark.parametrize(
    "sent",
    [b"<html>", b'{"text": "half', b'{"text"}', b"[]", b"3", b'{"choices": null}', b'{"choices": [{}]}', b"\xff"],
)
async def test_events_that_are_none_of_an_answer_are_failures_with_a_reason(sent):
    broken = b"data: " + sent + b"\n\n"
    async with scripted((0.0, event("token", text="Half an ans")), (0.0, broken)) as url:
        run_over = await run(url, [0.0, 0.1])
    assert [seen.outcome for seen in run_over.observations] == ["failed", "failed"]
    assert run_over.observations[0].reason == f"no event of an answer: {sent.decode(errors='replace')}"


async def test_a_page_in_the_place_of_a_stream_is_a_failure_with_its_first_words():
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<h1>Please log in</h1>\n\n", content_type="text/html")

    async with serve("/v1/answers", page) as url:
        [seen] = (await run(url, [0.0])).observations
    assert (seen.outcome, seen.reason[:33]) == ("failed", "text/html: <h1>Please log in</h1>")


async def test_a_service_that_is_not_there_is_a_failure():
    [seen] = (await run("http://127.0.0.1:9", [0.0])).observations
    assert seen.outcome == "failed"
    assert "Connect" in seen.reason


async def test_littles_law_holds_for_a_steady_service():
    script = ((0.2, event("token", text="Yes.")), (0.1, event("done", refused=False, usage={})))

    async def attempt() -> None:
        async with scripted(*script) as url:
            figures = Figures.of(await run(url, poisson(40, 6.0, seed=4), seconds=6.0), OBJECTIVES)
        law = figures.in_flight
        assert law.mean_time == pytest.approx(0.3, abs=0.1)
        assert law.in_flight == pytest.approx(law.rate * 0.3, rel=0.35)
        assert abs(law.error) < 0.1

    await unhurried(attempt)


def test_concurrency_is_integrated_over_its_window_only():
    counted = Concurrency(begin=1.0, end=3.0)
    counted.change(+1, 0.5)
    counted.change(+1, 2.0)
    counted.change(-2, 5.0)
    # One from 1 to 2, two from 2 to 3.
    assert counted.mean == pytest.approx(1.5)
    assert counted.most == 2
