import asyncio
import itertools
import time

import pytest
from aiohttp import web

from loadtests.arrivals import poisson
from loadtests.client import service_at
from loadtests.metrics import Objectives, RunMetrics
from loadtests.open_loop import Concurrency, run_open_loop
from tests.support.fakes.servers import serve
from tests.support.loadtests import answer, event, scripted

# The runner measures real time, so each test takes seconds.
pytestmark = pytest.mark.slow

OBJECTIVES = Objectives(ttft=0.2, tpot=0.1, latency=1.0)
QUICK = ((0.0, event("token", text="Yes.")), (0.0, event("done", declined=False, usage={})))


async def run(url: str, arrivals: list[float], seconds: float = 1.0, **more):
    return await run_open_loop(service_at(url), arrivals, itertools.repeat("What?"), seconds=seconds, **more)


async def test_ttft_is_measured_to_the_first_text_that_a_reader_can_see():
    done = event("done", declined=False, usage={"completion_tokens": 4})
    async with scripted(
        (0.05, event("sources", sources=[])),
        (0.0, b": still working\n\n"),
        (0.05, event("token", text="\n")),
        (0.1, event("token", text="One ")),
        (0.1, event("token", text="two.")),
        (0.0, done),
    ) as url:
        [record] = (await run(url, [0.0])).records
    assert record.outcome == "ok"
    assert 0.195 <= record.ttft < record.latency
    assert record.tokens == 4
    assert record.tpot == pytest.approx((record.latency - record.ttft) / 3)


async def test_a_stall_is_recorded_by_every_request_that_arrives_during_it():
    """A closed loop would send one request during the stall and record one bad time in a hundred."""

    stalled, received, ended = asyncio.Event(), list[float](), list[float]()

    def end_stall() -> None:
        ended.append(time.perf_counter())
        stalled.set()

    async def stalls_once(request: web.Request) -> web.StreamResponse:
        received.append(time.perf_counter())
        if len(received) == 20:
            asyncio.get_running_loop().call_later(1.0, end_stall)
        if len(received) >= 20:
            await stalled.wait()
        return await answer(request, QUICK)

    arrivals = [n * 0.02 for n in range(100)]
    async with serve("/v1/answers", stalls_once) as url:
        load_run = await run(url, arrivals, seconds=2.0)
    metrics = RunMetrics.of(load_run, OBJECTIVES)
    assert metrics.answered == 100
    # The run began before its first request was received, so a busy machine makes the times longer, never shorter.
    stall_ended = ended[0] - received[0]
    waited = [it for it in load_run.records if it.due < stall_ended and it.ttft >= stall_ended - it.due]
    assert len(waited) >= sum(due < stall_ended for due in arrivals) - 19
    # Of the requests that were due half a second before its end, only the first 19 can have been answered before.
    assert sum(it.ttft >= 0.5 for it in waited) >= 26 - 19
    assert metrics.goodput_share <= 1 - sum(it.ttft > OBJECTIVES.ttft for it in waited) / 100


async def test_times_are_measured_from_the_due_time_even_if_the_client_is_late():
    async with scripted(*QUICK) as url:
        running = asyncio.create_task(run(url, [0.2, 0.3, 0.4]))
        await asyncio.sleep(0.1)
        # The client itself stalls, and the metrics must contain this time.
        time.sleep(0.6)  # noqa: ASYNC251 - the test blocks the event loop on purpose
        metrics = RunMetrics.of(await running, OBJECTIVES)
    assert metrics.late.min > 0.2
    assert metrics.ttft.min > 0.2
    assert metrics.latency.max > 0.45


async def test_overload_and_failures_are_counted_apart_and_excluded_from_percentiles():
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
        load_run = await run(url, [n * 0.02 for n in range(25)])
    # No answer misses these objectives, so only overload and failures reduce the goodput.
    metrics = RunMetrics.of(load_run, Objectives(ttft=30, tpot=30, latency=60))
    assert (metrics.answered, metrics.overloaded, metrics.failed) == (5, 10, 10)
    assert metrics.overloaded_without_retry_after == 5
    assert metrics.ttft.count == metrics.latency.count == 5
    assert metrics.goodput_share == 0.2
    assert metrics.reasons["503: down"] == 5
    assert metrics.reasons["the stream ended before the answer did"] == 5


async def test_a_broken_stream_and_an_endless_stream_have_failed():
    async with scripted((0.0, event("token", text="A")), (0.0, event("error", status=502, detail="gone"))) as url:
        [broken] = (await run(url, [0.0])).records
    async with scripted((0.0, event("token", text="A")), (30.0, b"")) as url:
        [endless] = (await run(url, [0.0], timeout_seconds=0.3)).records
    assert (broken.outcome, endless.outcome) == ("failed", "failed")
    assert "gone" in broken.reason
    assert "0.3 s" in endless.reason


async def test_keep_alive_messages_are_ignored():
    said = (event("token", text="Yes."), event("done", declined=False, usage={"completion_tokens": 1}))
    alive = (b": ping\n\n", b"event: ping\n\n", b"data:\n\n", b"retry: 3000\n\n", b"\n\n")
    plain = [(0.0, sent) for pair in zip(alive, (*said, *alive), strict=False) for sent in pair]
    async with scripted(*plain) as url:
        [record] = (await run(url, [0.0])).records
    assert (record.outcome, record.reason, record.tokens) == ("ok", "", 1)


async def test_a_stream_may_have_other_line_ends_and_arrive_byte_by_byte():
    whole = (event("token", text="Yes.") + event("done", declined=False)).replace(b"\n", b"\r\n").replace(b": ", b":")
    async with scripted(*((0.002, bytes([byte])) for byte in whole)) as url:
        [record] = (await run(url, [0.0])).records
    assert (record.outcome, len(record.content_times)) == ("ok", 1)


@pytest.mark.parametrize(
    "sent",
    [b"<html>", b'{"text": "half', b'{"text"}', b"[]", b"3", b'{"choices": null}', b'{"choices": [{}]}', b"\xff"],
)
async def test_an_event_of_unknown_shape_is_a_failure_with_a_reason(sent):
    broken = b"data: " + sent + b"\n\n"
    async with scripted((0.0, event("token", text="Half an ans")), (0.0, broken)) as url:
        run_over = await run(url, [0.0, 0.1])
    assert [record.outcome for record in run_over.records] == ["failed", "failed"]
    assert run_over.records[0].reason == f"not an event of an answer: {sent.decode(errors='replace')}"


async def test_an_html_page_instead_of_a_stream_is_a_failure_with_an_excerpt():
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<h1>Please log in</h1>\n\n", content_type="text/html")

    async with serve("/v1/answers", page) as url:
        [record] = (await run(url, [0.0])).records
    assert (record.outcome, record.reason[:33]) == ("failed", "text/html: <h1>Please log in</h1>")


async def test_an_unreachable_service_is_a_failure():
    [record] = (await run("http://127.0.0.1:9", [0.0])).records
    assert record.outcome == "failed"
    assert "Connect" in record.reason


async def test_littles_law_holds_for_a_service_in_steady_state():
    script = ((0.2, event("token", text="Yes.")), (0.1, event("done", declined=False, usage={})))

    async with scripted(*script) as url:
        load_run = await run(url, poisson(40, 6.0, seed=4), seconds=6.0)
    metrics, window = RunMetrics.of(load_run, OBJECTIVES), load_run.concurrency
    law = metrics.in_flight
    assert law.mean_time > 0.29
    # The two differ by the requests that are in flight when the window begins and ends.
    cut_off = metrics.most_in_flight * max(record.latency for record in load_run.records)
    assert law.in_flight == pytest.approx(law.rate * law.mean_time, abs=cut_off / (window.end - window.begin))


def test_concurrency_is_integrated_over_its_window_only():
    counted = Concurrency(begin=1.0, end=3.0)
    counted.change(+1, 0.5)
    counted.change(+1, 2.0)
    counted.change(-2, 5.0)
    # One request from 1 to 2, two requests from 2 to 3.
    assert counted.mean == pytest.approx(1.5)
    assert counted.peak == 2
