"""The worker's probes: their address, and what they say about an inbox that cannot be read."""

import asyncio
import math
import sys

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ingest.worker.probes import open_probes
from rag.inbox.factory import open_inbox
from rag.settings import FolderInboxSettings
from tests.support.servers.redis_server import free_port


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux accepts connections on every address of 127.0.0.0/8")
async def test_the_probes_answer_only_on_the_configured_address(tmp_path):
    port = free_port()
    async with (
        open_inbox(FolderInboxSettings(), root=tmp_path) as inbox,
        open_probes("127.0.0.2", port, inbox),
        # httpx reads no ranges in `no_proxy`, so a proxy of the developer would be asked for this address.
        httpx.AsyncClient(timeout=60, trust_env=False) as http,
    ):
        assert (await http.get(f"http://127.0.0.2:{port}/livez")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await http.get(f"http://127.0.0.1:{port}/livez")


@pytest.mark.parametrize("fault", ["the inbox fails", "the inbox is slow"])
async def test_an_unreadable_inbox_is_a_state_of_its_own_and_costs_no_other_metric(tmp_path, fault):
    port = free_port()

    class Unreadable:
        """An inbox whose storage is gone or hangs."""

        async def statistics(self):
            if fault == "the inbox is slow":
                await asyncio.sleep(3600)
            raise FileNotFoundError("queued")

    async def scraped(inbox) -> dict[str, float]:
        async with open_probes("127.0.0.1", port, inbox, patience_seconds=1), httpx.AsyncClient(timeout=60) as http:
            families = text_string_to_metric_families((await http.get(f"http://127.0.0.1:{port}/metrics")).text)
            return {sample.name: sample.value for family in families for sample in family.samples}

    seen = await scraped(Unreadable())
    assert seen["rag_ingest_queue_readable"] == 0
    assert math.isnan(seen["rag_ingest_queue_lag_seconds"])
    assert seen["rag_ingest_waiting_passages"] == 0
    async with open_inbox(FolderInboxSettings(), root=tmp_path) as inbox:
        seen = await scraped(inbox)
    assert (seen["rag_ingest_queue_readable"], seen["rag_ingest_queue_lag_seconds"]) == (1, 0)
