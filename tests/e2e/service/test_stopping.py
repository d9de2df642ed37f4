"""Shutdown of a service behind a load balancer, and of one in a terminal."""

import signal

import httpx
import pytest

from tests.support.fakes.servers import ModelServer, in_thread, serve
from tests.support.programs import Service, service
from tests.support.waiting import wait_until

QUESTION = "What does error E1234 mean?"


@pytest.fixture
def delay_seconds() -> int:
    """Return a delay that is longer than the stalls of a busy machine between the signal and the last request."""
    return 10


@pytest.fixture
def model() -> ModelServer:
    """Return a model server that streams for half an hour, or until a test clears its pieces."""
    return ModelServer(["word "] * 10_000, gap=0.2)


@pytest.fixture
def stopping(ingested, handbook, model, delay_seconds):
    with in_thread(serve("/v1/chat/completions", model)) as url:
        settings = {
            "RAG_GENERATOR__KIND": "openai",
            "RAG_GENERATOR__URL": f"{url}/v1",
            "RAG_GENERATOR__MODEL": "slow",
            "RAG_DRAIN_DELAY_SECONDS": str(delay_seconds),
        }
        with service(ingested(handbook), RAG_WORKER="none", **settings) as running:
            yield running


def terminate(stopping: Service) -> httpx.Response:
    """Send SIGTERM and return the first response of `/readyz` that reports it."""
    stopping.process.send_signal(signal.SIGTERM)
    said: list[httpx.Response] = []

    def has_heard() -> bool:
        said.append(stopping.http.get("/readyz"))
        return said[-1].status_code == 503

    wait_until(has_heard)
    return said[-1]


def takes_nothing_new(stopping: Service) -> bool:
    try:
        # Without this option, each request reads the certificates of authorities for 40 ms.
        httpx.get(f"{stopping.url}/livez", timeout=60, verify=False)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:  # The listener closed while the connection waited in its queue.
        pass
    return False


def test_a_stopping_service_reports_it_answers_until_the_drain_delay_ends_and_completes_its_streams(stopping, model):
    assert "connection" not in stopping.http.get("/readyz").headers
    ready = terminate(stopping)
    assert ready.json()["status"] == "stopping"
    assert ready.headers["connection"] == "close"
    late = httpx.post(f"{stopping.url}/v1/search", json={"question": QUESTION}, timeout=60)
    assert late.status_code == 200
    assert late.json()["results"]

    stream = stopping.stream(QUESTION)
    events = [next(stream)]
    wait_until(lambda: takes_nothing_new(stopping))
    model.pieces.clear()
    events += stream
    kinds = [event for _, event, _ in events]
    assert (kinds.count("token"), kinds[-1]) == (model.sent, "done")
    assert stopping.process.wait(60) == 0


@pytest.mark.parametrize("delay_seconds", [600])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_sigint_and_a_second_sigterm_skip_the_drain_delay(stopping, signum):
    if signum == signal.SIGTERM:
        terminate(stopping)
    stopping.process.send_signal(signum)
    stopping.process.wait(60)
