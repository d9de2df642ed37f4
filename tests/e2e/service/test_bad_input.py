"""A bad source or document is rejected with a reason, and all others are ingested."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest

from tests.support.commands import run_command
from tests.support.programs import environment

GIB = 1024**3
MIB = 1024**2


class Awkward(BaseHTTPRequestHandler):
    """A web server that misbehaves differently on each path and records the requested paths."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        match self.path:
            case "/good.md":
                self._answer(200, b"# Good\n\nA page that is as it should be.", Content_Type="text/markdown")
            case "/loop":
                self._answer(302, Location="/loop")
            case "/to-metadata":
                self._answer(302, Location="http://169.254.169.254/latest/meta-data/")
            case "/film":
                self._answer(200, b"x", Content_Type="video/mp4")
            case "/declared.txt":
                self._answer(200, b"x" * 1_000, Content_Type="text/plain", Content_Length=str(5 * GIB))
            case "/endless.txt":
                self._answer(200, Content_Type="text/plain")
                with suppress(OSError):
                    while True:
                        self.wfile.write(b"x" * 65_536)
            case _:
                self._answer(404)

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Suppress the log on standard error."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    handler = type("Handler", (Awkward,), {"asked": []})
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()


def run(data_dir: Path, *sources: str, given: bytes = b"", **settings: str) -> tuple[int, dict, int]:
    """Return the exit status, the summary and the peak memory of the process in bytes."""
    with (data_dir / "summary.json").open("w+b") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest", "run", *sources, "--json"],
            env=environment(data_dir, **settings),
            stdin=subprocess.PIPE,
            stdout=output,
        )
        assert process.stdin is not None
        process.stdin.write(given)
        process.stdin.close()
        most = 0
        while process.poll() is None:
            with suppress(psutil.Error):
                most = max(most, psutil.Process(process.pid).memory_info().rss)
            time.sleep(0.05)
        output.seek(0)
        return process.returncode, json.load(output), most


def test_each_bad_source_is_rejected_with_its_reason_and_the_others_are_ingested(server, tmp_path, data_dir):
    base = f"http://127.0.0.1:{server.server_port}"
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.md").write_text("# A\n\nA file that is as it should be.")
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(5 * GIB)
    expected = {
        "gopher://example.org/1": "is not a known kind of source",
        "gs://bucket/docs": "needs a driver that is not installed",
        str(tmp_path / "nowhere"): "check the spelling",
        "http://127.0.0.1:1/": "cannot be reached",
        "http://no-such-host.invalid/": "",
        f"{base}/loop": "the server redirected more than 5 times",
        f"{base}/to-metadata": "its address is private",
        f"{base}/film": "video/mp4",
        f"{base}/declared.txt": "larger than the limit of 5,000,000 bytes",
        f"{base}/endless.txt": "larger than the limit of 5,000,000 bytes",
        f"{base}/gone": "404",
        (folder / "huge.txt").as_uri(): "larger than the limit of 5,000,000 bytes",
        "stdin:": "line 2: not valid JSON",
    }
    lines = b'{"id": "one", "text": "The first."}\n{"id": "two", \n{"id": "three", "text": "The third."}\n'
    bad = [source for source in expected if source not in {(folder / "huge.txt").as_uri(), "stdin:"}]

    status, summary, memory = run(
        data_dir,
        *bad,
        "-",
        f"{base}/good.md",
        str(folder),
        given=lines,
        RAG_SOURCES__ALLOW_PRIVATE="true",
        RAG_MAX_DOCUMENT_BYTES="5000000",
    )

    reasons = {rejected["uri"]: rejected["reason"] for rejected in summary["rejected"]}
    assert status == 3
    assert reasons.keys() == expected.keys()
    for uri, reason in expected.items():
        assert reason in reasons[uri]
        assert "\n" not in reasons[uri]
    assert summary["new"] == 4
    assert memory < 700 * MIB


def test_private_addresses_in_any_notation_receive_no_request(server, tmp_path, data_dir):
    (tmp_path / "a.md").write_text("# A\n\nA file that is as it should be.")
    hosts = ["127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
    urls = [f"http://{host}:{server.server_port}/good.md" for host in hosts]
    urls += ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[fe80::1]/", "http://[fd00::1]/"]
    urls += [f"crawl:{urls[0]}", f"sitemap:{urls[0]}"]

    status, printed = run_command("run", *urls, str(tmp_path / "a.md"), "--json", data_dir=data_dir)

    summary = json.loads(printed)
    assert (status, summary["new"], len(summary["rejected"])) == (3, 1, len(urls))
    assert server.RequestHandlerClass.asked == []
