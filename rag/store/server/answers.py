"""What each error answer of a Qdrant server means: the table that says whose fault a failure is (docs/adr/0057).

No answer of Qdrant is the document's fault, because this program checks documents before it writes them.
"""

import http
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from grpc import StatusCode
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

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


@dataclass(frozen=True, slots=True)
class _Answer:
    """A row of the table."""

    error: type[GroundworkError]
    """The class of the error says whose fault it is: `GroundworkError.fault`."""
    message: str
    code: StatusCode | None = None
    """None matches every code."""
    text: str = ""
    """Part of the text of the answer, in lower case. Empty matches every text."""


_FAILED = "Qdrant failed, as it does while nodes are missing or start. Check that all its nodes run."
_LATE = "Qdrant did not answer in time. Check its nodes, or increase RAG_STORE__TIMEOUT."
_UNREACHABLE = "Qdrant cannot be reached. Check that it runs, RAG_STORE__URL and RAG_STORE__GRPC_PORT."
_NOT_QDRANT = (
    "The server does not answer as Qdrant does. Check RAG_STORE__URL and RAG_STORE__GRPC_PORT, "
    "or set RAG_STORE__TRANSPORT=rest for an HTTP ingress."
)

# The first row that matches counts. The codes and texts are those of Qdrant 1.19 on one server and on three nodes.
_TABLE = (
    # Configuration: wait, and name the setting.
    _Answer(AccessRefused, "Qdrant refused the API key. Check RAG_STORE__API_KEY.", StatusCode.UNAUTHENTICATED),
    _Answer(
        AccessRefused,
        "The API key of Qdrant lacks the right for this call. Check RAG_STORE__API_KEY.",
        StatusCode.PERMISSION_DENIED,
    ),
    _Answer(
        IndexMismatch,
        "Vectors of the configured embedder do not fit into the collection. "
        "Check RAG_EMBEDDER__MODEL and RAG_STORE__COLLECTION.",
        # Any code, because a node reports the error of another node as INTERNAL.
        None,
        "vector dimension error",
    ),
    _Answer(
        IndexMismatch,
        "The collection lacks the vectors of this program. Check RAG_STORE__COLLECTION.",
        None,
        "not existing vector name",
    ),
    # Retryable, because a moved alias is unknown to this process for a moment.
    _Answer(
        CollectionMissing,
        "The collection does not exist on the Qdrant server. Check RAG_STORE__COLLECTION. If it had documents, restore "
        "a backup; otherwise start a worker, which creates an empty one.",
        StatusCode.NOT_FOUND,
        "doesn't exist",
    ),
    # A shard or a node, while the nodes do not agree yet.
    _Answer(Unavailable, _FAILED, StatusCode.NOT_FOUND, "not found:"),
    # A proxy or another server, by a status of HTTP that gRPC has translated, or by a redirection to a login.
    _Answer(AccessRefused, _NOT_QDRANT, StatusCode.NOT_FOUND),
    _Answer(AccessRefused, _NOT_QDRANT, StatusCode.UNIMPLEMENTED),
    # Dependency: wait and retry.
    _Answer(TimedOut, _LATE, StatusCode.DEADLINE_EXCEEDED),
    _Answer(TimedOut, _LATE, None, "timeout expired"),
    _Answer(
        TimedOut,
        "The nodes of Qdrant did not agree in time. Check that a majority of them runs.",
        None,
        "waiting for consensus operation",
    ),
    _Answer(Unavailable, "The disk of Qdrant is full. Enlarge its volume.", None, "no space left on device"),
    _Answer(Unavailable, "The disk of Qdrant is full. Enlarge its volume.", None, "disk space"),
    _Answer(Overloaded, "Qdrant limits the rate or size of calls. Check its limits.", StatusCode.RESOURCE_EXHAUSTED),
    _Answer(Unavailable, _UNREACHABLE, StatusCode.UNAVAILABLE),
    # This program: the entry is tried again later, and the others go on.
    _Answer(
        RequestRejected,
        "Qdrant refused a call because a payload index is missing. Restart a worker, which creates all indexes.",
        StatusCode.INVALID_ARGUMENT,
        "index required but not found",
    ),
    *(
        _Answer(RequestRejected, "Qdrant rejected a call as invalid. Report this as a defect of this program.", code)
        for code in (
            StatusCode.INVALID_ARGUMENT,
            StatusCode.ALREADY_EXISTS,
            StatusCode.OUT_OF_RANGE,
        )
    ),
    # INTERNAL, FAILED_PRECONDITION, ABORTED, CANCELLED, UNKNOWN, DATA_LOSS: a node that is missing, starts or stops.
    _Answer(Unavailable, _FAILED),
)

_CODE_OF_STATUS: Mapping[int, StatusCode] = {
    http.HTTPStatus.BAD_REQUEST: StatusCode.INVALID_ARGUMENT,
    http.HTTPStatus.UNAUTHORIZED: StatusCode.UNAUTHENTICATED,
    http.HTTPStatus.FORBIDDEN: StatusCode.PERMISSION_DENIED,
    http.HTTPStatus.NOT_FOUND: StatusCode.NOT_FOUND,
    http.HTTPStatus.REQUEST_TIMEOUT: StatusCode.DEADLINE_EXCEEDED,
    http.HTTPStatus.CONFLICT: StatusCode.ALREADY_EXISTS,
    http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE: StatusCode.OUT_OF_RANGE,
    http.HTTPStatus.UNPROCESSABLE_ENTITY: StatusCode.INVALID_ARGUMENT,
    http.HTTPStatus.TOO_MANY_REQUESTS: StatusCode.RESOURCE_EXHAUSTED,
    http.HTTPStatus.BAD_GATEWAY: StatusCode.UNAVAILABLE,
    http.HTTPStatus.SERVICE_UNAVAILABLE: StatusCode.UNAVAILABLE,
    http.HTTPStatus.GATEWAY_TIMEOUT: StatusCode.DEADLINE_EXCEEDED,
    http.HTTPStatus.INSUFFICIENT_STORAGE: StatusCode.RESOURCE_EXHAUSTED,
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate the errors of qdrant-client into those of the table."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        code, text = error.code(), error.details() or ""
        raise to_error(code, text, said=f"{code.name}: {text}") from error
    except ResourceExhaustedResponse as error:
        # The client raises its own error if the server says when to come back.
        code = StatusCode.RESOURCE_EXHAUSTED
        raise to_error(code, str(error), said=f"{code.name}: {error}", retry_after=error.retry_after_s) from error
    except UnexpectedResponse as error:
        status = error.status_code or http.HTTPStatus.INTERNAL_SERVER_ERROR
        text = error.content.decode(errors="replace")
        raise to_error(code_of_status(status), text, said=f"{status}: {error.reason_phrase} {text}") from error
    except (ResponseHandlingException, ApiException, QdrantException, grpc.RpcError, grpc.aio.UsageError) as error:
        raise Unavailable(_UNREACHABLE, upstream=str(error)) from error


def to_error(code: StatusCode, text: str, *, said: str, retry_after: float | None = None) -> GroundworkError:
    """Return the error of an answer. `said` goes to the log only, because it has the addresses of nodes."""
    lowered = text.lower()
    row = next(row for row in _TABLE if row.code in (None, code) and row.text in lowered)
    return row.error(row.message, upstream=said, retry_after=retry_after)


def code_of_status(status: int) -> StatusCode:
    """Return the gRPC code of a status of the REST interface."""
    if status in _CODE_OF_STATUS:
        return _CODE_OF_STATUS[status]
    if status < http.HTTPStatus.BAD_REQUEST:
        return StatusCode.UNIMPLEMENTED
    is_call = status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    return StatusCode.INVALID_ARGUMENT if is_call else StatusCode.INTERNAL
