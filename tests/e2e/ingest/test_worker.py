"""`python -m ingest worker`: its status during work, and its behaviour while the inbox is unreachable."""

import json
import re
import signal
import subprocess
import sys
import time

from tests.support.programs import environment, ingest
from tests.support.workers import start_worker

DOCUMENTS = 24
AWAY = {"RAG_INBOX__KIND": "redis", "RAG_INBOX__URL": "redis://127.0.0.1:1/0", "RAG_LOG_FORMAT": "json"}


def test_the_status_can_be_read_while_a_worker_ingests(tmp_path, data_dir):
    folder = tmp_path / "documents"
    folder.mkdir()
    for n in range(DOCUMENTS):
        (folder / f"{n}.md").write_text(f"# Part {n}\n\n" + f"Sentence {n} about pumps. " * 600)
    assert ingest("enqueue", str(folder), data_dir=data_dir).returncode == 0
    worker = start_worker(data_dir)
    seen: list[dict] = []
    try:
        deadline = time.monotonic() + 300
        while not seen or (seen[-1]["documents"] < DOCUMENTS and time.monotonic() < deadline):
            status = ingest("status", "--json", data_dir=data_dir)
            assert (status.returncode, status.stderr) == (0, "")
            seen.append(json.loads(status.stdout))
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
    assert any(status["processing"] for status in seen)
    documents = [status["documents"] for status in seen]
    assert documents == sorted(documents)
    assert documents[-1] == DOCUMENTS
    table = ingest("status", data_dir=data_dir).stdout
    assert re.search(rf"^documents +{DOCUMENTS}$", table, re.MULTILINE)


def test_a_worker_backs_off_from_an_unreachable_inbox_and_still_stops_at_once(data_dir):
    worker = subprocess.Popen(
        [sys.executable, "-m", "ingest", "worker"],
        env=environment(data_dir, **AWAY),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert worker.stderr is not None
        said = (json.loads(line) for line in worker.stderr)
        pauses = [next(line["in_seconds"] for line in said if line["event"] == "worker_waits") for _ in range(4)]
        stopped = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
        # The worker must not wait for the end of its fourth pause.
        assert time.monotonic() - stopped < pauses[3] - 0.5
    finally:
        worker.kill()
    assert [pause > longest / 2 - 0.1 for pause, longest in zip(pauses, (2, 4, 8, 16), strict=True)] == [True] * 4
    assert pauses[3] <= 16
