"""The real Qdrant that TEST_… variables name, for every test and drill that can use one.

TEST_QDRANT_URL        REST address, such as http://127.0.0.1:6333
TEST_QDRANT_GRPC_PORT  gRPC port of that host (that of the first node, or 6334)
TEST_QDRANT_API_KEY    key with the right to manage collections
TEST_QDRANT_NODES      HOST:GRPC_PORT of every node of a cluster, separated by spaces
"""

import os
import uuid

import pytest
from pydantic import ValidationError

from rag.errors import InvalidInput
from rag.settings import ServerStoreSettings
from rag.store.server.connection import open_client

URL = os.environ.get("TEST_QDRANT_URL")
NODES = tuple(os.environ.get("TEST_QDRANT_NODES", "").split())

needs_real_qdrant = pytest.mark.skipif(not URL, reason="TEST_QDRANT_URL names no Qdrant server")


def real_qdrant(prefix: str, *, timeout: int = 10) -> ServerStoreSettings:
    """Return the settings of a new collection on the real server; raises `InvalidInput` for wrong variables."""
    port = NODES[0].rpartition(":")[2] if NODES else "6334"
    given = {
        "kind": "server",
        "url": URL,
        "grpc_port": os.environ.get("TEST_QDRANT_GRPC_PORT", port),
        "api_key": os.environ.get("TEST_QDRANT_API_KEY"),
        "collection": f"{prefix}-{uuid.uuid4().hex[:12]}",
        "nodes": max(1, len(NODES)),
        "timeout": timeout,
    }
    try:
        return ServerStoreSettings.model_validate(given)
    except ValidationError as error:
        faults = "; ".join(f"TEST_QDRANT_{it['loc'][0]}".upper() + f": {it['msg']}" for it in error.errors())
        raise InvalidInput(f"The variables do not describe a Qdrant server. {faults}") from error


def to_environment(settings: ServerStoreSettings) -> dict[str, str]:
    """Return the variables with which a program uses the same collection."""
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    return {
        "RAG_STORE__KIND": "server",
        "RAG_STORE__URL": str(settings.url),
        "RAG_STORE__GRPC_PORT": str(settings.grpc_port),
        "RAG_STORE__COLLECTION": settings.collection,
        "RAG_STORE__NODES": str(settings.nodes),
        "RAG_STORE__TIMEOUT": str(settings.timeout),
        **({"RAG_STORE__API_KEY": key} if key else {}),
    }


async def drop_collections(settings: ServerStoreSettings) -> None:
    """Delete all collections behind the alias. Their aliases go with them."""
    async with open_client(settings) as client:
        for described in (await client.get_collections()).collections:
            if described.name.startswith(f"{settings.collection}-"):
                await client.delete_collection(described.name, timeout=60)
