"""`python -m ingest worker`: its work and status, and its behaviour while the inbox is unreachable."""

import json
import re
import signal
import subprocess
import sys
import time

from tests.support.commands import read_json, run_command
from tests.support.programs import environment, ingest
from tests.support.waiting import wait_until
from tests.support.workers import start_worker

DOCUMENTS = 6
AWAY = {"RAG_INBOX__KIND": "redis", "RAG_INBOX__URL": "redis://127.0.0.1:1/0", "RAG_LOG_FORMAT": "json"}


def test_the_status_follows_a_worker_that_ingests_the_queue_and_makes_a_dead_letter(tmp_path, data_dir):
    folder = tmp_path / "documents"
    folder.mkdir()
    for n in range(DOCUMENTS):
        (folder / f"{n}.md").write_text(f"# Part {n}\n\n" + f"Sentence {n} about pumps. " * 300)
    (folder / "torn.pdf").write_bytes(b"%PDF-1.4 torn")
    assert ingest("enqueue", str(folder), data_dir=data_dir).returncode == 0
    seen: list[dict] = []

    def is_settled() -> bool:
        # Reading the status all the time would take the processor from the worker.
        time.sleep(0.3)
        seen.append(read_json("status", data_dir=data_dir))
        return seen[-1]["queued"] + seen[-1]["processing"] == 0

    assert not is_settled()
    assert seen[0]["queued"] == DOCUMENTS + 1
    worker = start_worker(data_dir)
    try:
        wait_until(is_settled, seconds=300, describe=lambda: str(seen[-1]))
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
    assert any(status["processing"] for status in seen)
    documents = [status["documents"] for status in seen]
    assert documents == sorted(documents)
    assert (documents[-1], seen[-1]["dead"]) == (DOCUMENTS, 1)
    status = ingest("status", data_dir=data_dir)
    assert (status.returncode, status.stderr) == (0, "")
    assert re.search(rf"^documents +{DOCUMENTS}$", status.stdout, re.MULTILINE)
    assert "torn.pdf" in run_command("dead-letter", "show", "all", data_dir=data_dir)[1]
    assert run_command("dead-letter", "replay", "all", data_dir=data_dir) == (0, "1 replayed\n")
    assert run_command("dead-letter", "list", data_dir=data_dir) == (0, "No dead letters.\n")


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
