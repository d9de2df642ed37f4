"""A Qdrant server that starts after the service and its worker, and that loses nodes: both wait, and say for what."""

import time

import httpx

from tests.support.fakes.qdrant import open_qdrant
from tests.support.fakes.qdrant_faults import TWO_LOST_NODES
from tests.support.fakes.servers import in_thread
from tests.support.programs import environment, running_program
from tests.support.servers.redis_server import free_port


def test_a_service_waits_for_its_store_and_becomes_ready_by_itself(data_dir):
    port = free_port()
    store = {"RAG_STORE__KIND": "server", "RAG_STORE__URL": "http://127.0.0.1:1", "RAG_STORE__GRPC_PORT": str(port)}
    env = environment(data_dir, **store, RAG_PORT=str(free_port()), RAG_LOG_FORMAT="console")
    announcement = r"answers on (http\S+)"
    with running_program("service", announcement=announcement, env=env, log=data_dir / "log") as (_, url):
        http = httpx.Client(base_url=url, timeout=60)
        assert http.get("/livez").status_code == 200
        unready = http.get("/readyz")
        assert (unready.status_code, "Qdrant cannot be reached" in unready.json()["detail"]["store"]) == (503, True)
        assert http.post("/v1/search", json={"question": "Which pump?"}).status_code == 503
        with in_thread(open_qdrant(port=port)) as server:
            deadline = time.monotonic() + 120
            while (ready := http.get("/readyz")).status_code != 200:
                assert time.monotonic() < deadline, ready.text
                time.sleep(0.1)
            # The worker of the service has created the collection.
            assert http.post("/v1/search", json={"question": "Which pump?"}).json()["results"] == []
            server.faults.answer_with(TWO_LOST_NODES)
            for failed in (http.post("/v1/search", json={"question": "Which pump?"}), http.get("/readyz")):
                assert (failed.status_code, "nodes" in failed.text) == (503, True)
                assert "10.0.0.7" not in failed.text, "clients do not see addresses of nodes"
