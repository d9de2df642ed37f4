"""What the error codes of a Qdrant server mean: only a wrong call is not worth waiting for."""

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from rag.errors import AccessRefused, BadResponse, TimedOut, Unavailable
from rag.store.server.collections import translated_errors


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, AccessRefused),
        (grpc.StatusCode.PERMISSION_DENIED, AccessRefused),
        (grpc.StatusCode.DEADLINE_EXCEEDED, TimedOut),
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Unavailable),
        (grpc.StatusCode.CANCELLED, Unavailable),
        (grpc.StatusCode.ABORTED, Unavailable),
        # A cluster that has lost a node.
        (grpc.StatusCode.INTERNAL, Unavailable),
        (grpc.StatusCode.UNKNOWN, Unavailable),
        (grpc.StatusCode.FAILED_PRECONDITION, Unavailable),
        # The collection was replaced, and this process has not followed the alias yet.
        (grpc.StatusCode.NOT_FOUND, Unavailable),
        (grpc.StatusCode.INVALID_ARGUMENT, BadResponse),
    ],
)
def test_a_code_becomes_the_error_that_says_what_to_do(code, kind):
    with pytest.raises(kind) as raised, translated_errors():
        raise AioRpcError(code, Metadata(), Metadata(), details="10.0.0.7 is unhappy")
    assert type(raised.value) is kind
    assert "10.0.0.7" not in str(raised.value), "clients do not see what the server said"
    assert "10.0.0.7" in raised.value.upstream
