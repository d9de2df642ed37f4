"""Errors, named by what the caller can do about them. None of them knows HTTP."""


class GroundworkError(Exception):
    """Base of the errors that this project raises on purpose. The text is written for users."""

    retryable = False
    """True if the same call may succeed later."""


class InvalidInput(GroundworkError):
    """The request is invalid, and the caller can fix it."""


class NotFound(GroundworkError):
    """The requested object does not exist."""


class Unauthorized(GroundworkError):
    """The API key is missing, unknown or revoked."""


class Forbidden(GroundworkError):
    """The role of the API key does not allow the call."""


class Unavailable(GroundworkError):
    """A required part does not answer now."""

    retryable = True


class Overloaded(Unavailable):
    """Too many calls are running or waiting."""


class TimedOut(Unavailable):
    """A part exceeded its time limit."""


class BadResponse(GroundworkError):
    """A part sent a response that violates its protocol."""


class IndexMismatch(GroundworkError):
    """The collection was filled by another embedder than the configured one."""


class Misconfigured(GroundworkError):
    """Settings, weights or files of this installation are missing or do not fit together."""


class Locked(GroundworkError):
    """Another process is writing to the collection."""


class ClaimLost(GroundworkError):
    """The lease of the entry expired, and another worker may have claimed it."""
