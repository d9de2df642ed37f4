"""What can go wrong, said by what the caller may do about it. None of these knows HTTP."""


class GroundworkError(Exception):
    """Base of every error that this project raises on purpose; its text is fit for a user's screen."""

    retryable = False


class InvalidInput(GroundworkError):
    """The caller can mend the request."""


class NotFound(GroundworkError):
    """What was asked for is not there."""


class Unauthorized(GroundworkError):
    """No key, an unknown key, or a revoked one."""


class Forbidden(GroundworkError):
    """The key is good, its role does not allow this."""


class Unavailable(GroundworkError):
    """A part that is needed does not answer now; the same call may succeed later."""

    retryable = True


class Overloaded(Unavailable):
    """The waiting room is full."""


class TimedOut(Unavailable):
    """A part took longer than its time."""


class BadResponse(GroundworkError):
    """A part answered with something that does not fit its protocol."""


class IndexMismatch(GroundworkError):
    """The collection was filled by another embedder than the one that is configured."""


class Misconfigured(GroundworkError):
    """The settings, the weights or the files of this installation do not fit together."""


class Locked(GroundworkError):
    """Another process writes to this collection."""


class ClaimLost(GroundworkError):
    """Another worker has the entry by now, because this one was not heard of for too long."""
