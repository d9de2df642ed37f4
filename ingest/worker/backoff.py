"""How long the worker waits before it tries again."""

import random


def backoff_seconds(attempt: int, *, longest: float) -> float:
    """Return 2^attempt seconds, at most `longest`, with jitter: many workers must not try again at the same moment."""
    return random.uniform(0.5, 1) * min(longest, 2.0 ** min(attempt, 16))
