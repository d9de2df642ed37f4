"""Every metric that service and worker share: gates, the embedder, the event loop, traces, the build."""

import platform

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

import rag

# A `_created` series per counter would repeat `process_start_time_seconds` and double the size of a scrape.
disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client has no annotation

BUILD_INFO = Gauge(
    "rag_build_info", "Always 1. The labels are the versions of Groundwork and Python.", ["version", "python"]
)

GATE_DEPTH = Gauge("rag_gate_depth", "Calls that run or wait at a gate.", ["gate"])
GATE_CAPACITY = Gauge("rag_gate_capacity", "Most calls that may run or wait at a gate; one more is refused.", ["gate"])
GATE_REFUSALS = Counter("rag_gate_refusals_total", "Calls that a gate refused.", ["gate"])
GATE_WAIT = Histogram(
    "rag_gate_wait_seconds",
    "Time that a call waited at a gate.",
    ["gate"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 640),
)

EMBED_DURATION = Histogram(
    "rag_embed_duration_seconds",
    "Time of one embedder call by phase: queue, tokenize, inference. torch and servers tokenize during inference.",
    ["phase"],
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
EMBED_QUEUE = EMBED_DURATION.labels("queue")
EMBED_TOKENIZE = EMBED_DURATION.labels("tokenize")
EMBED_INFERENCE = EMBED_DURATION.labels("inference")
EMBED_BATCH_SIZE = Histogram(
    "rag_embed_batch_size", "Texts in one embedder call.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
EMBED_BATCH_TOKENS = Histogram(
    "rag_embed_batch_tokens",
    "Tokens in one embedder call, padding included, which decide its cost. Local models only.",
    buckets=(16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536),
)

EVENT_LOOP_LAG = Histogram(
    "rag_event_loop_lag_seconds",
    "Delay of a timer that is due ten times a second. Every request waits this long in addition.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

STATE_DURATION = Histogram(
    "rag_state_duration_seconds",
    "Duration of a call to the shared state.",
    ["operation"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
STATE_FAILURES = Counter("rag_state_failures_total", "Failed calls to the shared state.", ["operation"])

TASKS_FAILED = Counter("rag_tasks_failed_total", "Long-lived tasks of this process that ended unexpectedly.", ["task"])

SPANS = Counter(
    "rag_trace_spans_total",
    "Recorded spans by result. failed: the collector refused them. dropped: too many spans waited for export.",
    ["result"],
)
SPANS_EXPORTED, SPANS_FAILED, SPANS_DROPPED = (SPANS.labels(result) for result in ("exported", "failed", "dropped"))

LOG_LINES_LOST = Counter(
    "rag_log_lines_lost_total", "Log lines that standard error did not take: closed, full, or its reader is stuck."
)

BUILD_INFO.labels(rag.__version__, platform.python_version()).set(1)
