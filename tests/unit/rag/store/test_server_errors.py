"""Whose fault an answer of a Qdrant server is: the codes and texts of Qdrant 1.19."""

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata
from httpx import Headers
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import UnexpectedResponse

from rag.errors import (
    AccessRefused,
    CollectionMissing,
    GroundworkError,
    IndexMismatch,
    Overloaded,
    RequestRejected,
    TimedOut,
    Unavailable,
)
from rag.store.server.answers import translated_errors

_NODE = "10.0.0.7"
_LOST = (
    "4 out of 6 shards failed to apply operation. First error captured: Service internal error: Tonic status error: "
    "code: 'The service is currently unavailable', message: \"tcp connect error\""
)
_DIMENSION = "Wrong input: Vector dimension error: expected dim: 384, got 8"
_CONSENSUS = "Waiting for consensus operation commit failed. Timeout set at: 10 seconds"
_WAL = "No space left on device: WAL buffer size exceeds available disk space"


@pytest.mark.parametrize(
    ("code", "text", "kind", "fault", "named"),
    [
        ("UNAVAILABLE", "failed to connect to all addresses", Unavailable, "dependency", "RAG_STORE__URL"),
        ("INTERNAL", _LOST, Unavailable, "dependency", "nodes"),
        ("INTERNAL", "Failed to apply operation to at least one `Active` replica.", Unavailable, "dependency", "nodes"),
        ("INTERNAL", "2 of 2 read operations failed", Unavailable, "dependency", "nodes"),
        ("INTERNAL", "Timeout expired", TimedOut, "dependency", "RAG_STORE__TIMEOUT"),
        ("INTERNAL", _CONSENSUS, TimedOut, "dependency", "majority"),
        ("INTERNAL", _WAL, Unavailable, "dependency", "volume"),
        ("RESOURCE_EXHAUSTED", _WAL, Unavailable, "dependency", "volume"),
        ("RESOURCE_EXHAUSTED", "Rate limiting exceeded", Overloaded, "dependency", "limits"),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", TimedOut, "dependency", "RAG_STORE__TIMEOUT"),
        ("FAILED_PRECONDITION", "Shard is not ready", Unavailable, "dependency", "nodes"),
        ("CANCELLED", "", Unavailable, "dependency", "nodes"),
        ("UNAUTHENTICATED", "Invalid API key or JWT", AccessRefused, "configuration", "RAG_STORE__API_KEY"),
        ("PERMISSION_DENIED", "Forbidden: read-only", AccessRefused, "configuration", "RAG_STORE__API_KEY"),
        ("INVALID_ARGUMENT", _DIMENSION, IndexMismatch, "configuration", "RAG_EMBEDDER__MODEL"),
        ("INTERNAL", f"1 out of 1 shards failed. {_DIMENSION}", IndexMismatch, "configuration", "RAG_EMBEDDER__MODEL"),
        ("INVALID_ARGUMENT", "Not existing vector name error: dense", IndexMismatch, "configuration", "COLLECTION"),
        ("NOT_FOUND", "Not found: Shard 0 not found", Unavailable, "dependency", "nodes"),
        ("UNIMPLEMENTED", "Received http2 header with status: 404", AccessRefused, "configuration", "TRANSPORT=rest"),
        ("NOT_FOUND", "Collection `c` doesn't exist!", CollectionMissing, "configuration", "RAG_STORE__COLLECTION"),
        ("INVALID_ARGUMENT", 'Index required but not found for "staged_at"', RequestRejected, "program", "index"),
        ("INVALID_ARGUMENT", "Expected some form of condition", RequestRejected, "program", "defect"),
    ],
)
def test_each_status_becomes_an_error_with_a_fault_and_a_hint(code, text, kind, fault, named):
    with pytest.raises(GroundworkError) as raised, translated_errors():
        raise AioRpcError(grpc.StatusCode[code], Metadata(), Metadata(), details=f"{text} at {_NODE}")
    assert (type(raised.value), raised.value.fault) == (kind, fault)
    assert named in str(raised.value)
    assert _NODE not in str(raised.value), "clients do not see what the server said"
    assert _NODE in raised.value.upstream


@pytest.mark.parametrize("code", grpc.StatusCode)
def test_no_status_of_the_server_rejects_a_document(code):
    with pytest.raises(GroundworkError) as raised, translated_errors():
        raise AioRpcError(code, Metadata(), Metadata(), details="?")
    assert raised.value.fault != "document"


def test_a_rate_limit_tells_how_long_to_wait():
    with pytest.raises(Overloaded) as raised, translated_errors():
        raise ResourceExhaustedResponse("Rate limiting exceeded", 7)
    assert raised.value.retry_after == 7


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (401, "Invalid API key or JWT", AccessRefused),
        (403, "Forbidden", AccessRefused),
        (404, "Collection `c` doesn't exist!", CollectionMissing),
        (404, "<html>404 page not found</html>", AccessRefused),
        (302, "", AccessRefused),
        (400, _DIMENSION, IndexMismatch),
        (418, "", RequestRejected),
        (500, _CONSENSUS, TimedOut),
        (500, _LOST, Unavailable),
        (503, "", Unavailable),
    ],
)
def test_the_rest_interface_has_the_same_table(status, text, kind):
    with pytest.raises(kind) as raised, translated_errors():
        raise UnexpectedResponse(status, "", text.encode(), Headers())
    assert type(raised.value) is kind
