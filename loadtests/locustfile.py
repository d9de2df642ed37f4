"""Interactive load: five kinds of users and several load shapes in locust's own page and report (`make locust`).

Locust's users wait for their answer before they continue. This closed loop sends less to a service that stalls.
Use locust to explore, and `python -m loadtests` for numbers (ADR 0032). The additional rows in its tables are:

  TTFT   request to the first piece of text        TPOT  (end - first piece) / (pieces - 1) of one answer
  ITL    time between two pieces, all answers      GOOD  answers that met every objective: its requests/s are goodput
  READY  upload until searches find the document

Locust adds these rows to its line "Aggregated", which is therefore meaningless here.
"""

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from locust import HttpUser, between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.clients import ResponseContextManager
from requests import RequestException

from loadtests.arrivals import read_questions, zipf
from loadtests.shapes import SHAPES, SelectedShape

__all__ = ["Asker", "Leaver", "Reader", "Searcher", "SelectedShape", "Uploader"]

_PIECES_BEFORE_LEAVING = 3
_DOCUMENTS_PER_UPLOADER = 5
_READY_SECONDS = 120
_numbers = itertools.count(1)


@events.init_command_line_parser.add_listener
def add_arguments(parser: LocustArgumentParser) -> None:
    parser.add_argument("--shape", choices=list(SHAPES), default="soak", help="how the number of users changes")
    parser.add_argument("--questions", default="docs", help="file with one question per line, or folder of Markdown")
    parser.add_argument("--api-key", default="", is_secret=True, help="sent as a bearer token")
    parser.add_argument("--slo-ttft", type=float, default=2.0, help="objective of a good answer in seconds")
    parser.add_argument("--slo-tpot", type=float, default=0.1, help="objective of a good answer in seconds")
    parser.add_argument("--slo-latency", type=float, default=10.0, help="objective of a good answer in seconds")


class _QuestionUser(HttpUser):
    """A user that asks questions with Zipf's frequencies and pauses between them."""

    abstract = True
    wait_time = between(1, 3)

    def on_start(self) -> None:
        self.options = self.environment.parsed_options
        self.number = next(_numbers)
        if self.options.api_key:
            self.client.headers["Authorization"] = f"Bearer {self.options.api_key}"
        self.questions = zipf(read_questions(Path(self.options.questions)), seed=self.number)

    def report(self, metric: str, name: str, seconds: float) -> None:
        """Add a value to the row `metric` of locust's tables."""
        self.environment.events.request.fire(
            request_type=metric, name=name, response_time=seconds * 1000, response_length=0, exception=None, context={}
        )

    def post(self, path: str, name: str, **body: Any) -> ResponseContextManager:
        question = {"question": next(self.questions)}
        stream = bool(body.get("stream"))
        return self.client.post(path, json=question | body, name=name, stream=stream, catch_response=True)


class Reader(_QuestionUser):
    """A user that reads the answer as it is written."""

    weight = 5

    @task
    def stream(self) -> None:
        started = time.perf_counter()
        with self.post("/v1/answers", "stream", stream=True) as response:
            if _has_failed(response):
                return
            times = [time.perf_counter() - started for event in _events(response) if event == "token"]
            latency = time.perf_counter() - started
            # Locust stops its own clock at the response's headers.
            response.request_meta["response_time"] = latency * 1000
            if response.broken or not times:
                response.failure("the stream broke")
                return
            response.success()
        self._report_answer(times, latency)

    def _report_answer(self, times: list[float], latency: float) -> None:
        ttft = times[0]
        tpot = (latency - ttft) / (len(times) - 1) if len(times) > 1 else 0.0
        self.report("TTFT", "stream", ttft)
        if len(times) > 1:
            self.report("TPOT", "stream", tpot)
        for before, after in itertools.pairwise(times):
            self.report("ITL", "stream", after - before)
        options = self.options
        if ttft <= options.slo_ttft and tpot <= options.slo_tpot and latency <= options.slo_latency:
            self.report("GOOD", "stream", latency)


class Leaver(_QuestionUser):
    """A user that disconnects in the middle of the answer. The service must then stop writing it."""

    weight = 1

    @task
    def leave(self) -> None:
        with self.post("/v1/answers", "leave", stream=True) as response:
            if _has_failed(response):
                return
            tokens = (event for event in _events(response) if event == "token")
            read = len(list(itertools.islice(tokens, _PIECES_BEFORE_LEAVING)))
            # The rest of the answer is still in this connection, so the next request must not reuse it.
            response.raw.close()
            if read:
                response.success()
            else:
                response.failure("no token arrived before the disconnect")


class Asker(_QuestionUser):
    """A user that waits for the complete answer."""

    weight = 2

    @task
    def ask(self) -> None:
        with self.post("/v1/answers", "ask") as response:
            if not _has_failed(response) and not _field(response, "answer"):
                response.failure("an answer without text")


class Searcher(_QuestionUser):
    """A user that searches for passages only."""

    weight = 2

    @task
    def search(self) -> None:
        with self.post("/v1/search", "search") as response:
            if not _has_failed(response) and not _field(response, "results"):
                response.failure("the search returned no results")


class Uploader(_QuestionUser):
    """A user that uploads the same few documents again and again. It needs a service with a worker.

    It deletes its documents when it stops.
    """

    weight = 1

    def on_start(self) -> None:
        super().on_start()
        self.uploaded: set[str] = set()

    def on_stop(self) -> None:
        for path in self.uploaded:
            self.client.delete(path, name="ingest, deletion")

    @task
    def ingest(self) -> None:
        number = next(_numbers)
        path = f"/v1/documents/load-{self.number}-{number % _DOCUMENTS_PER_UPLOADER}.md"
        self.uploaded.add(path)
        text = f"# Note {number}\n\nNumber {number} was written by a load test.\n"
        started = time.perf_counter()
        upload = {"data": text.encode(), "headers": {"Content-Type": "text/markdown"}, "name": "ingest"}
        with self.client.put(path, **upload, catch_response=True) as response:
            if _has_failed(response):
                return
        while time.perf_counter() - started < _READY_SECONDS:
            state = self.client.get(path, name="ingest, state")
            if _field(state, "state") == "ready" and not _field(state, "update"):
                self.report("READY", "ingest", time.perf_counter() - started)
                return
            time.sleep(0.5)


def _has_failed(response: ResponseContextManager) -> bool:
    """Report an error status as a failure. After a 429, wait as long as Retry-After demands."""
    if response.status_code == 429:
        response.failure("429 with Retry-After" if "Retry-After" in response.headers else "429 without Retry-After")
        # A gateway may send a date instead of seconds.
        seconds = response.headers.get("Retry-After", "")
        time.sleep(float(seconds) if seconds.isdecimal() else 1.0)
        return True
    if not response.ok:
        response.failure(f"{response.status_code}: {response.text[:200]}")
        return True
    return False


def _field(response: Any, name: str) -> Any:
    """Return a field of the JSON body. Return None without it, as in a gateway's HTML page."""
    try:
        return response.json()[name]
    except (ValueError, LookupError, TypeError):
        return None


def _events(response: ResponseContextManager) -> Iterator[str]:
    """Yield the names of server-sent events as they arrive. Afterwards `broken` tells whether the end was missing."""
    response.broken = True
    name = ""
    # A broken connection or event leaves `broken` set. Locust would not count a request that raises here.
    with suppress(RequestException, ValueError, LookupError, TypeError):
        for line in response.iter_lines(chunk_size=None):
            if line.startswith(b"event: "):
                name = line.removeprefix(b"event: ").decode()
            elif line.startswith(b"data: "):
                if name == "token" and not json.loads(line.removeprefix(b"data: "))["text"]:
                    continue
                response.broken = name != "done"
                yield name
