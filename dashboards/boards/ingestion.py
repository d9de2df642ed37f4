"""The path of a document: freshness, the queue and failures."""

from dashboards.grafana import Board, Panel, Query, Row, heat, quantiles, rates

BOARD = Board(
    name="ingestion",
    title="Ingestion",
    description="Documents from their arrival in the inbox to the published collection.",
    rows=[
        Row(
            title="Freshness",
            panels=[
                Panel(
                    title="Freshness",
                    description="The time from a document's arrival in the inbox to the publication that makes it "
                    "searchable.",
                    unit="s",
                    kind="heatmap",
                    queries=heat("rag_ingest_freshness_seconds"),
                ),
                Panel(
                    title="Freshness, p50 and p99",
                    description="Objective: 99 % of documents are searchable within 5 minutes. The p99 must stay below "
                    "the dashed line.",
                    unit="s",
                    queries=quantiles("rag_ingest_freshness_seconds", of=(0.5, 0.99)),
                    thresholds=((300.0, "red"),),
                ),
                Panel(
                    title="Time since the last publication",
                    description="This grows while there are no uploads. If the queue grows too, the worker is stuck. "
                    "Empty until a worker has published for the first time since its start.",
                    unit="s",
                    width=8,
                    queries=[
                        Query(
                            "time() - max by (job) (rag_ingest_last_success_timestamp_seconds{$on} > 0)",
                            "{{job}}",
                        ),
                    ],
                ),
                Panel(
                    title="Age of the oldest entry",
                    description="The age of the oldest entry that is queued or being processed. 0: the inbox is empty. "
                    "The alert QueueStalled fires above the dashed line. If there is no line, no worker can read the "
                    "inbox, and the alert QueueUnknown fires.",
                    unit="s",
                    width=8,
                    queries=[Query("max(rag_ingest_queue_lag_seconds{$on})", "oldest")],
                    thresholds=((600.0, "red"),),
                ),
                Panel(
                    title="Entries by state",
                    description="The number of inbox entries. dead: dead letters; `python -m ingest dead-letter list` "
                    "shows the reason of each.",
                    unit="none",
                    width=8,
                    # Every worker reports the whole inbox, so a sum would count each entry several times.
                    queries=[Query("max by (state) (rag_ingest_queue_depth{$on})", "{{state}}")],
                ),
            ],
        ),
        Row(
            title="Work",
            panels=[
                Panel(
                    title="State of the workers",
                    description="The number of service replicas that see each state. waiting: every worker waits for a "
                    "part that fails or refuses it. The alert WorkerMissing fires for starting, down and unknown.",
                    unit="none",
                    width=8,
                    stacked=True,
                    queries=[Query("sum by (state) (rag_worker_state{$on})", "{{state}}")],
                ),
                Panel(
                    title="Why the workers wait",
                    description="1 for each kind of error that keeps a worker from ingesting.",
                    unit="none",
                    width=8,
                    queries=[Query("max by (cause) (rag_ingest_waiting{$on})", "{{cause}}")],
                ),
                Panel(
                    title="Restarts and dead tasks",
                    description="Restarts of the service's child worker, and tasks that ended, over five minutes.",
                    unit="none",
                    width=8,
                    queries=[
                        Query(
                            "sum by (instance) (increase(rag_worker_restarts_total{$on}[5m]))", "restart {{instance}}"
                        ),
                        Query("sum by (task) (increase(rag_tasks_failed_total{$on}[5m]))", "task {{task}}"),
                    ],
                ),
                Panel(
                    title="Documents by result",
                    description="Processed documents per second.",
                    unit="none",
                    width=8,
                    stacked=True,
                    queries=rates("rag_ingest_documents_total", by="result"),
                ),
                Panel(
                    title="Warnings by code",
                    description="Warnings per second about documents that were ingested with gaps. "
                    "`GET /v1/documents/{id}` names what is missing.",
                    unit="none",
                    width=8,
                    stacked=True,
                    queries=rates("rag_ingest_warnings_total", by="code"),
                ),
                Panel(
                    title="Passages written",
                    description="Passages per second by the origin of their vector. kept: the text did not change, so "
                    "the stored vector is used again.",
                    unit="none",
                    width=8,
                    stacked=True,
                    queries=rates("rag_ingest_chunks_total", by="vector"),
                ),
                Panel(
                    title="Stages, p95",
                    description="The duration of each stage. fetch and parse: per document. embed and upsert: per "
                    "batch. publish: per publication.",
                    unit="s",
                    width=8,
                    queries=quantiles("rag_ingest_stage_duration_seconds", by="stage", of=(0.95,)),
                ),
                Panel(
                    title="Documents in progress",
                    description="The number of documents that are fetched and not yet written.",
                    unit="none",
                    width=8,
                    queries=[Query("sum by (instance) (rag_ingest_inflight_documents{$on})", "{{instance}}")],
                ),
                Panel(
                    title="Passages waiting for the embedder",
                    description="If this never falls, the embedder limits the ingest rate.",
                    unit="none",
                    width=8,
                    queries=[Query("sum by (instance) (rag_ingest_waiting_passages{$on})", "{{instance}}")],
                ),
                Panel(
                    title="Retries and dead letters",
                    description="Retries by stage and dead letters by fault, over five minutes.",
                    unit="none",
                    width=8,
                    queries=[
                        Query("sum by (stage) (increase(rag_ingest_retries_total{$on}[5m]))", "retry {{stage}}"),
                        Query("sum by (fault) (increase(rag_ingest_dead_letters_total{$on}[5m]))", "dead {{fault}}"),
                    ],
                ),
                Panel(
                    title="Entries kept because of a defect",
                    description="Entries over five minutes for which another server rejected a request as invalid, or "
                    "the worker has a bug. They are tried again later. The log line `request_rejected` has the reason.",
                    unit="none",
                    width=8,
                    queries=[
                        Query(
                            "sum by (instance) (increase(rag_ingest_rejected_requests_total{$on}[5m]))", "{{instance}}"
                        )
                    ],
                ),
            ],
        ),
    ],
)
