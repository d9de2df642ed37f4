"""The worker serves its probes only on the configured address."""

import sys

import httpx
import pytest

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
        httpx.AsyncClient(timeout=60) as http,
    ):
        assert (await http.get(f"http://127.0.0.2:{port}/livez")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await http.get(f"http://127.0.0.1:{port}/livez")
