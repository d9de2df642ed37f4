"""Metrics of the way that spans take to the collector."""

from prometheus_client import Counter

SPANS = Counter(
    "rag_trace_spans_total",
    "Recorded spans by what became of them; failed: the collector did not take them, dropped: too many waited for it.",
    ["result"],
)
EXPORTED, FAILED, DROPPED = (SPANS.labels(result) for result in ("exported", "failed", "dropped"))
