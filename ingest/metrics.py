"""Every metric of the offline path."""

from prometheus_client import Counter, Gauge, Histogram

DOCUMENTS = Counter("rag_ingest_documents_total", "Documents by what became of them.", ["result"])
CHUNKS = Counter("rag_ingest_chunks_total", "Chunks embedded and written.")
STAGE_DURATION = Histogram(
    "rag_ingest_stage_duration_seconds",
    "Time of one stage: parse and chunk per document, embed and upsert per batch, publish per publication.",
    ["stage"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
LAST_SUCCESS = Gauge("rag_ingest_last_success_timestamp_seconds", "Unix time of the last publication.")

for result in ("new", "changed", "unchanged", "removed", "rejected"):
    DOCUMENTS.labels(result)
for stage in ("parse", "chunk", "embed", "upsert", "publish"):
    STAGE_DURATION.labels(stage)
