"""What is said when something is tried again."""

import structlog
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from rag.errors import GroundworkError

log = structlog.get_logger()


def may_pass(error: Exception) -> bool:
    """Whether the same call may succeed later."""
    return isinstance(error, GroundworkError) and error.retryable


def log_retries() -> None:
    """Replaces stamina's own hook, which would log the arguments: questions and texts of documents."""
    set_on_retry_hooks([_log_retry])


def _log_retry(details: RetryDetails) -> None:
    log.warning("retrying", in_seconds=round(details.wait_for, 1), reason=str(details.caused_by))
