"""Waiting for a condition with a limit that a busy machine meets too."""

import time
from collections.abc import Callable

_TIMEOUT_SECONDS = 90


def wait_until(
    condition: Callable[[], object], *, seconds: float = _TIMEOUT_SECONDS, describe: Callable[[], str] = lambda: ""
) -> None:
    """Wait until the condition is true. Fail after `seconds` with the text that `describe` returns."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"The condition is still false after {seconds} s. {describe()}"
        time.sleep(0.02)
