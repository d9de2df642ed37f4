"""The end of a service that a load balancer stands before, and of one that a person has started."""

import signal
import threading
import time

import httpx
import pytest

from evals.performance.programs import ingest, service
from tests.fakes.servers import ModelServer, in_thread, serve

_PIECES = 40
_GAP_SECONDS = 0.2
_DELAY_SECONDS = 4


@pytest.fixture
def stopping(data_dir, handbook):
    """A service whose model takes twice as long over an answer as the delay is."""
    assert ingest("run", str(handbook), data_dir=data_dir).returncode == 0
    model = ModelServer(["word "] * _PIECES, gap=_GAP_SECONDS)
    with in_thread(serve("/v1/chat/completions", model)) as url:
        settings = {
            "RAG_GENERATOR__KIND": "openai",
            "RAG_GENERATOR__URL": f"{url}/v1",
            "RAG_GENERATOR__MODEL": "slow",
            "RAG_DRAIN_DELAY_SECONDS": str(_DELAY_SECONDS),
        }
        with service(data_dir, RAG_WORKER="none", **settings) as running:
            yield running


def test_a_service_that_stops_says_so_and_answers_until_it_is_left(stopping):
    with httpx.Client(base_url=stopping.url) as kept_alive:
        assert "connection" not in kept_alive.get("/readyz").headers
        stopping.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        ready = kept_alive.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "stopping")
        assert ready.headers["connection"] == "close"
    late = httpx.post(f"{stopping.url}/v1/search", json={"question": "What does error E1234 mean?"})
    assert late.status_code == 200
    assert late.json()["results"]
    assert stopping.process.wait(30) == 0


def test_a_stream_that_begins_while_the_service_stops_comes_to_its_end(stopping):
    stopping.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    events = [event for _, event, _ in stopping.stream("What does error E1234 mean?")]
    assert (events.count("token"), events[-1]) == (_PIECES, "done")
    assert stopping.process.wait(30) == 0


def test_after_the_delay_nothing_new_is_taken(stopping):
    ended = threading.Event()
    stream = threading.Thread(target=lambda: (list(stopping.stream("What does error E1234 mean?")), ended.set()))
    stopping.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    stream.start()
    with pytest.raises(httpx.ConnectError):
        while not ended.is_set():
            httpx.get(f"{stopping.url}/livez")
            time.sleep(0.1)
    assert not ended.is_set()
    stream.join(30)
    assert ended.is_set()


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_who_waits_at_the_terminal_need_not_wait_for_a_balancer(stopping, signals):
    began = time.monotonic()
    for signum in signals:
        stopping.process.send_signal(signum)
        time.sleep(0.3)
    stopping.process.wait(10)
    assert time.monotonic() - began < _DELAY_SECONDS
