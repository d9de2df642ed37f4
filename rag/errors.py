"""Errors, named by what the caller can do about them. None of them knows HTTP."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from rag.redaction import redact

Fault = Literal["dependency", "configuration", "program", "document"]
"""Whose fault a failure is (docs/adr/0057).

dependency: a part of the installation fails, so wait and retry.
configuration: an operator must change a setting, so wait and name the setting.
program: this program sent a wrong request, so try the document again later and go on with the next one.
document: the document cannot be ingested, so reject it.
"""


class GroundworkError(Exception):
    """Base of the errors that this project raises on purpose. The text is written for users."""

    code: ClassVar[str] = "internal"
    """Stable name of the kind of error, for clients, logs and metrics."""
    retryable = False
    """True if the same call may succeed later."""
    fault: ClassVar[Fault] = "dependency"
    """Whose fault it is. A failure whose cause is unknown must never reject a document."""

    def __init__(self, message: str, *, upstream: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.upstream = redact(upstream)
        """What another server or library said about the error. It belongs in the log and never in a response."""
        self.retry_after = retry_after
        """Seconds after which a retry may succeed. None: not known."""

    def describe(self) -> str:
        """Return the text for operators: with what the other server said."""
        return f"{self} It said: {self.upstream}" if self.upstream else str(self)


class InvalidInput(GroundworkError):
    """The request is invalid, and the caller can fix it."""

    code = "invalid"
    fault = "document"


class UnknownHost(InvalidInput):
    """The service does not answer to this host name."""

    code = "unknown_host"


class NotFound(GroundworkError):
    """The requested object does not exist."""

    code = "not_found"


class InvalidParts(InvalidInput):
    """Files of the request are invalid. None of its files was accepted."""

    code = "invalid_files"

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{name}: {fault}" for name, fault in faults.items()))
        self.faults = faults
        """What is wrong, by the name of the part."""


class Conflict(GroundworkError):
    """The object has changed, or exists already, and the caller must decide what to do."""

    code = "conflict"


class PreconditionFailed(GroundworkError):
    """The object is not in the state that the caller requires."""

    code = "precondition_failed"


class Unauthorized(GroundworkError):
    """The API key is missing, unknown or revoked."""

    code = "unauthorized"


class Forbidden(GroundworkError):
    """The role of the API key does not allow the call."""

    code = "forbidden"


class KeyRequired(Forbidden):
    """Without API keys, the service answers only direct calls from its own machine."""

    code = "key_required"


class Unavailable(GroundworkError):
    """A required part does not answer now."""

    code = "unavailable"
    retryable = True


class CollectionMissing(Unavailable):
    """The collection does not exist in the store, or not yet."""

    code = "collection_missing"
    fault = "configuration"


class Overloaded(Unavailable):
    """Too many calls are running or waiting."""

    code = "overloaded"


class TimedOut(Unavailable):
    """A part exceeded its time limit."""

    code = "timed_out"


class KeysUnavailable(Unavailable):
    """The API keys cannot be checked, because their file is damaged or missing."""

    code = "keys_unavailable"


class BadResponse(GroundworkError):
    """A part sent a response that violates its protocol."""

    code = "bad_response"


class AccessRefused(BadResponse):
    """A part rejects this installation's key, address or model. Only an operator can change that."""

    code = "access_refused"
    fault = "configuration"


class RequestRejected(BadResponse):
    """A server rejected the content of a request, such as one of its fields or its size."""

    code = "request_rejected"
    fault = "program"


class IndexMismatch(GroundworkError):
    """The stored data does not fit this program: another embedder filled it, or another version wrote it."""

    code = "index_mismatch"
    fault = "configuration"


class Misconfigured(GroundworkError):
    """Settings, weights or files of this installation are missing or do not fit together."""

    code = "misconfigured"
    fault = "configuration"


class Locked(GroundworkError):
    """Another process is writing to the collection."""

    code = "locked"


class ClaimLost(GroundworkError):
    """The lease of the entry expired, and another worker may have claimed it."""

    code = "claim_lost"
