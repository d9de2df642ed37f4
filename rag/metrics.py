"""Every metric that both processes have: gates, the embedder, the event loop, the build."""

import platform

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

import rag

# A series for each counter that says when this process began, which `process_start_time_seconds` says once.
disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client left its type out

BUILD_INFO = Gauge("rag_build_info", "1; which version runs on which Python.", ["version", "python"])

GATE_DEPTH = Gauge("rag_gate_depth", "Calls inside or waiting at a gate.", ["gate"])
GATE_CAPACITY = Gauge(
    "rag_gate_capacity", "Calls that a gate holds, inside and waiting; one more is refused.", ["gate"]
)
GATE_REFUSALS = Counter("rag_gate_refusals_total", "Calls that a full gate refused.", ["gate"])
GATE_WAIT = Histogram(
    "rag_gate_wait_seconds",
    "Time a call waited at a gate before it ran.",
    ["gate"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

EMBED_DURATION = Histogram(
    "rag_embed_duration_seconds",
    "Time of one call of the embedder by phase: queue, tokenize, inference. torch and servers tokenize in inference.",
    ["phase"],
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
EMBED_QUEUE = EMBED_DURATION.labels("queue")
EMBED_TOKENIZE = EMBED_DURATION.labels("tokenize")
EMBED_INFERENCE = EMBED_DURATION.labels("inference")
EMBED_BATCH_SIZE = Histogram(
    "rag_embed_batch_size", "Texts that one call computed.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
EMBED_BATCH_TOKENS = Histogram(
    "rag_embed_batch_tokens",
    "Tokens that one call computed, padding included: what it costs. Local models only.",
    buckets=(16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536),
)

EVENT_LOOP_LAG = Histogram(
    "rag_event_loop_lag_seconds",
    "How much later than it was due a timer ran, ten times a second: what every request waits in addition.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

SPANS = Counter(
    "rag_trace_spans_total",
    "Recorded spans by what became of them; failed: the collector did not take them, dropped: too many waited for it.",
    ["result"],
)
SPANS_EXPORTED, SPANS_FAILED, SPANS_DROPPED = (SPANS.labels(result) for result in ("exported", "failed", "dropped"))

BUILD_INFO.labels(rag.__version__, platform.python_version()).set(1)
