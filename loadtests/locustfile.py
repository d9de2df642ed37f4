"""Load by hand: users of five kinds and shapes to choose from, in locust's own page and report (`make locust`).

Locust's users wait for their answer before they go on: a closed loop, which sends less to a service that stalls. So
use it to look and to try out, and `python -m loadtests` for numbers. What it shows beside each request:

  TTFT   request to the first piece of text        TPOT  (end - first piece) / (pieces - 1) of one answer
  ITL    gap between two pieces, all answers       GOOD  answers that met every objective: its requests/s are goodput
  READY  upload to the moment that searches find the document

Locust adds these rows into its line "Aggregated", which therefore says nothing here.
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
from loadtests.shapes import SHAPES, Shape

__all__ = ["Asker", "Leaver", "Reader", "Searcher", "Shape", "Writer"]

_PIECES_BEFORE_LEAVING = 3
_DOCUMENTS_OF_A_WRITER = 5
_READY_SECONDS = 120
_numbers = itertools.count(1)


@events.init_command_line_parser.add_listener
def add_arguments(parser: LocustArgumentParser) -> None:
    parser.add_argument("--shape", choices=list(SHAPES), default="soak", help="how the number of users goes")
    parser.add_argument("--questions", default="docs", help="a file, one to a line, or a folder of Markdown")
    parser.add_argument("--api-key", default="", is_secret=True, help="sent as a bearer token")
    parser.add_argument("--slo-ttft", type=float, default=2.0, help="seconds; what a good answer keeps to")
    parser.add_argument("--slo-tpot", type=float, default=0.1, help="seconds; what a good answer keeps to")
    parser.add_argument("--slo-latency", type=float, default=10.0, help="seconds; what a good answer keeps to")


class _Person(HttpUser):
    """Asks Zipf's questions, and thinks in between."""

    abstract = True
    wait_time = between(1, 3)

    def on_start(self) -> None:
        self.options = self.environment.parsed_options
        self.number = next(_numbers)
        if self.options.api_key:
            self.client.headers["Authorization"] = f"Bearer {self.options.api_key}"
        self.questions = zipf(read_questions(Path(self.options.questions)), seed=self.number)

    def say(self, what: str, name: str, seconds: float) -> None:
        """A row of its own in locust's tables."""
        self.environment.events.request.fire(
            request_type=what, name=name, response_time=seconds * 1000, response_length=0, exception=None, context={}
        )

    def post(self, path: str, name: str, **body: Any) -> ResponseContextManager:
        question = {"question": next(self.questions)}
        stream = bool(body.get("stream"))
        return self.client.post(path, json=question | body, name=name, stream=stream, catch_response=True)


class Reader(_Person):
    """Reads the answer as it is written."""

    weight = 5

    @task
    def stream(self) -> None:
        began = time.perf_counter()
        with self.post("/v1/answers", "stream", stream=True) as response:
            if _is_refused(response):
                return
            pieces = [time.perf_counter() - began for event in _events(response) if event == "token"]
            latency = time.perf_counter() - began
            # Locust itself stops its clock with the head of a stream.
            response.request_meta["response_time"] = latency * 1000
            if response.broken or not pieces:
                response.failure("the stream broke")
                return
            response.success()
        self._say_all(pieces, latency)

    def _say_all(self, pieces: list[float], latency: float) -> None:
        ttft = pieces[0]
        tpot = (latency - ttft) / (len(pieces) - 1) if len(pieces) > 1 else 0.0
        self.say("TTFT", "stream", ttft)
        if len(pieces) > 1:
            self.say("TPOT", "stream", tpot)
        for before, after in itertools.pairwise(pieces):
            self.say("ITL", "stream", after - before)
        wanted = self.options
        if ttft <= wanted.slo_ttft and tpot <= wanted.slo_tpot and latency <= wanted.slo_latency:
            self.say("GOOD", "stream", latency)


class Leaver(_Person):
    """Goes away in the middle of the answer: the service must stop writing it."""

    weight = 1

    @task
    def leave(self) -> None:
        with self.post("/v1/answers", "leave", stream=True) as response:
            if _is_refused(response):
                return
            tokens = (event for event in _events(response) if event == "token")
            read = len(list(itertools.islice(tokens, _PIECES_BEFORE_LEAVING)))
            # A connection that still has an answer in it is of no use to the next request.
            response.raw.close()
            if read:
                response.success()
            else:
                response.failure("nothing to leave")


class Asker(_Person):
    """Waits for the whole answer."""

    weight = 2

    @task
    def ask(self) -> None:
        with self.post("/v1/answers", "ask") as response:
            if not _is_refused(response) and not _field(response, "answer"):
                response.failure("an answer without text")


class Searcher(_Person):
    """Wants passages only."""

    weight = 2

    @task
    def search(self) -> None:
        with self.post("/v1/search", "search") as response:
            if not _is_refused(response) and not _field(response, "results"):
                response.failure("nothing was found")


class Writer(_Person):
    """Uploads a few documents again and again, and deletes them when it stops; needs a service with a worker."""

    weight = 1

    def on_start(self) -> None:
        super().on_start()
        self.written: set[str] = set()

    def on_stop(self) -> None:
        for name in self.written:
            self.client.delete(name, name="ingest, deletion")

    @task
    def ingest(self) -> None:
        number = next(_numbers)
        name = f"/v1/documents/load-{self.number}-{number % _DOCUMENTS_OF_A_WRITER}.md"
        self.written.add(name)
        text = f"# Note {number}\n\nNumber {number} was written by a load test.\n"
        began = time.perf_counter()
        upload = {"data": text.encode(), "headers": {"Content-Type": "text/markdown"}, "name": "ingest"}
        with self.client.put(name, **upload, catch_response=True) as response:
            if _is_refused(response):
                return
        while time.perf_counter() - began < _READY_SECONDS:
            state = self.client.get(name, name="ingest, state")
            if _field(state, "state") == "ready" and not _field(state, "update"):
                self.say("READY", "ingest", time.perf_counter() - began)
                return
            time.sleep(0.5)


def _is_refused(response: ResponseContextManager) -> bool:
    """A 429 is a failure with a name of its own, after which the user waits as long as it is told to."""
    if response.status_code == 429:
        response.failure("429 with Retry-After" if "Retry-After" in response.headers else "429 without Retry-After")
        # A gateway may give a date.
        seconds = response.headers.get("Retry-After", "")
        time.sleep(float(seconds) if seconds.isdecimal() else 1.0)
        return True
    if not response.ok:
        response.failure(f"{response.status_code}: {response.text[:200]}")
        return True
    return False


def _field(response: Any, name: str) -> Any:
    """None where the body has no such field: it may be a gateway's page."""
    try:
        return response.json()[name]
    except (ValueError, LookupError, TypeError):
        return None


def _events(response: ResponseContextManager) -> Iterator[str]:
    """Names of server-sent events as they come; `broken` afterwards tells whether the end was missing."""
    response.broken = True
    name = ""
    # A connection or an event that was cut is a missing end: what is raised here, locust would not count as a request.
    with suppress(RequestException, ValueError, LookupError, TypeError):
        for line in response.iter_lines(chunk_size=None):
            if line.startswith(b"event: "):
                name = line.removeprefix(b"event: ").decode()
            elif line.startswith(b"data: "):
                if name == "token" and not json.loads(line.removeprefix(b"data: "))["text"]:
                    continue
                response.broken = name != "done"
                yield name
