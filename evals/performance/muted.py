"""`python -m service` with metrics that count nothing, to measure what counting costs."""

import sys

from prometheus_client import Counter, Gauge, Histogram

from service.__main__ import main


def _mute() -> None:
    for kind, method in ((Counter, "inc"), (Gauge, "set"), (Gauge, "inc"), (Gauge, "dec"), (Histogram, "observe")):
        setattr(kind, method, lambda *_, **__: None)


if __name__ == "__main__":
    _mute()
    sys.exit(main())
