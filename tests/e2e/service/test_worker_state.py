"""What the service says while no worker is running, and when one starts in another process."""

from tests.support.programs import service
from tests.support.waiting import wait_until
from tests.support.workers import start_worker


def test_an_upload_without_a_worker_says_so_until_one_starts_elsewhere(data_dir):
    with service(data_dir, RAG_GENERATOR__KIND="none", RAG_WORKER="none") as running:
        accepted = running.put("notes.md", b"# Notes\n\nPumps need oil.").json()
        assert (accepted["state"], accepted["worker"], accepted["message"]) == (
            "queued",
            "down",
            "No worker is running.",
        )
        waiting = running.http.get("/v1/documents/notes.md").json()
        assert (waiting["state"], waiting["reason"]) == ("queued", "No worker is running.")
        ready = running.http.get("/readyz")
        assert (ready.status_code, ready.json()["detail"]["worker"]) == (200, "down: No worker is running.")
        assert 'rag_worker_state{state="down"} 1.0' in running.http.get("/metrics").text
        worker = start_worker(data_dir)
        try:
            assert running.wait_for_state("notes.md", "ready")["reason"] is None
            wait_until(lambda: running.http.get("/readyz").json()["detail"]["worker"] == "working")
            assert running.put("more.md", b"# More\n\nPumps need air.").json()["message"] is None
        finally:
            worker.terminate()
            assert worker.wait(60) == 0
