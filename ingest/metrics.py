"""The metrics of the offline path. Those that both programs have are in `rag/metrics.py`."""

from prometheus_client import Counter, Gauge, Histogram

from rag import parsing_warnings
from rag.stages import StageMetrics

DOCUMENTS = Counter("rag_ingest_documents_total", "Documents by result.", ["result"])
WARNINGS = Counter(
    "rag_ingest_warnings_total", "Warnings about documents that were ingested with gaps, by code.", ["code"]
)
CHUNKS = Counter(
    "rag_ingest_chunks_total",
    "Chunks written. embedded: new vector; kept: vector of the stored version.",
    ["vector"],
)
STAGE_DURATION = Histogram(
    "rag_ingest_stage_duration_seconds",
    "Duration of one stage: fetch, convert (by the parser service) and parse (with chunking) per document, "
    "embed and upsert per batch, "
    "publish per publication.",
    ["stage"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)
IN_FLIGHT = Gauge("rag_ingest_inflight_documents", "Documents in progress.")
WAITING_PASSAGES = Gauge("rag_ingest_waiting_passages", "Passages that wait for the embedder.")
RETRIES = Counter("rag_ingest_retries_total", "Retries of calls and of inbox entries, by stage.", ["stage"])
DEAD_LETTERS = Counter("rag_ingest_dead_letters_total", "Entries that became dead letters, by cause.", ["fault"])
QUEUE_READABLE = Gauge(
    "rag_ingest_queue_readable",
    "1 if the worker could read depth and lag of the inbox at this scrape. 0 if not: both are NaN.",
)
QUEUE_DEPTH = Gauge("rag_ingest_queue_depth", "Entries of the inbox by state.", ["state"])
QUEUE_LAG = Gauge("rag_ingest_queue_lag_seconds", "Age of the oldest queued or processed entry.")
FRESHNESS = Histogram(
    "rag_ingest_freshness_seconds",
    "Time from the arrival of an entry in the inbox until searches see the change.",
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21_600, 86_400),
)
REJECTED_REQUESTS = Counter(
    "rag_ingest_rejected_requests_total",
    "Entries that wait for a later try, because another server rejected a request as invalid or the worker has a bug.",
)
LAST_SUCCESS = Gauge("rag_ingest_last_success_timestamp_seconds", "Unix time of the last publication.")

WAITING = Gauge(
    "rag_ingest_waiting",
    "1 while the worker cannot ingest, by the kind of error. Documents stay queued meanwhile.",
    ["cause"],
)

for result in ("new", "changed", "unchanged", "removed", "empty", "rejected"):
    DOCUMENTS.labels(result)
for code in parsing_warnings.WARNINGS:
    WARNINGS.labels(code)
for vector in ("embedded", "kept"):
    CHUNKS.labels(vector)
STAGES = StageMetrics(
    durations={
        stage: STAGE_DURATION.labels(stage) for stage in ("fetch", "convert", "parse", "embed", "upsert", "publish")
    }
)
for stage in ("fetch", "convert", "embed", "upsert", "publish", "entry"):
    RETRIES.labels(stage)
for fault in ("document", "program"):
    DEAD_LETTERS.labels(fault)
CAUSES = (
    "locked",
    "unavailable",
    "overloaded",
    "timed_out",
    "access_refused",
    "bad_response",
    "index_mismatch",
    "misconfigured",
)
"""The kinds of errors for which a worker waits. Any other kind is counted as unavailable."""
for cause in CAUSES:
    WAITING.labels(cause)
for state in ("queued", "processing", "dead"):
    QUEUE_DEPTH.labels(state)
