"""Patience with what must happen, however busy the machine is."""

import time
from collections.abc import Callable

_PATIENCE_SECONDS = 90


def wait_until(
    happened: Callable[[], object], *, seconds: float = _PATIENCE_SECONDS, seen: Callable[[], str] = lambda: ""
) -> None:
    """`seen` tells whoever reads of a failure what there was instead."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"It did not happen within {seconds} s. {seen()}"
        time.sleep(0.02)
