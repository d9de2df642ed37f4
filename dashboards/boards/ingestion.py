"""Documents on their way in: how fresh searches are, what waits, what failed."""

from dashboards.grafana import Board, Panel, Query, Row, heat, quantiles

BOARD = Board(
    name="ingestion",
    title="Ingestion",
    description="From the inbox to the published collection.",
    rows=[
        Row(
            title="Freshness",
            panels=[
                Panel(
                    title="From the inbox to being found",
                    description="Each document, from its arrival in the inbox to the publication that shows it.",
                    unit="s",
                    kind="heatmap",
                    queries=heat("rag_ingest_freshness_seconds"),
                ),
                Panel(
                    title="From the inbox to being found, p50 and p99",
                    description="99 % are promised within 5 minutes: the dashed line is where the p99 must stay below.",
                    unit="s",
                    queries=quantiles("rag_ingest_freshness_seconds", of=(0.5, 0.99)),
                    thresholds=((300.0, "red"),),
                ),
                Panel(
                    title="Since the last publication",
                    description="It grows while nobody uploads; beside a growing queue it is a stuck worker. "
                    "Nothing where no worker has published since it began.",
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
                    description="Of those that wait or are being processed; 0: the inbox is empty.",
                    unit="s",
                    width=8,
                    queries=[Query("max(rag_ingest_queue_lag_seconds{$on})", "oldest")],
                    thresholds=((600.0, "red"),),
                ),
                Panel(
                    title="Entries by state",
                    description="dead: given up, with a reason that `python -m ingest dead-letter list` shows.",
                    unit="none",
                    width=8,
                    # Every worker reports the whole inbox.
                    queries=[Query("max by (state) (rag_ingest_queue_depth{$on})", "{{state}}")],
                ),
            ],
        ),
        Row(
            title="Work",
            panels=[
                Panel(
                    title="Documents by what became of them",
                    description="Per second.",
                    unit="none",
                    width=8,
                    stacked=True,
                    queries=[
                        Query("sum by (result) (rate(rag_ingest_documents_total{$on}[$__rate_interval]))", "{{result}}")
                    ],
                ),
                Panel(
                    title="Passages written",
                    description="Per second, by where their vector is from; kept: the paragraph did not change.",
                    unit="none",
                    width=8,
                    stacked=True,
                    queries=[
                        Query("sum by (vector) (rate(rag_ingest_chunks_total{$on}[$__rate_interval]))", "{{vector}}")
                    ],
                ),
                Panel(
                    title="Stages, p95",
                    description="fetch and parse for each document, embed and upsert for each batch, publish for each "
                    "publication.",
                    unit="s",
                    width=8,
                    queries=quantiles("rag_ingest_stage_duration_seconds", by="stage", of=(0.95,)),
                ),
                Panel(
                    title="Documents under way",
                    description="Between fetched and written.",
                    unit="none",
                    width=8,
                    queries=[Query("sum by (instance) (rag_ingest_inflight_documents{$on})", "{{instance}}")],
                ),
                Panel(
                    title="Passages that wait for the embedder",
                    description="A room that is always full: the embedder is what limits ingestion.",
                    unit="none",
                    width=8,
                    queries=[Query("sum by (instance) (rag_ingest_waiting_passages{$on})", "{{instance}}")],
                ),
                Panel(
                    title="Retries and dead letters",
                    description="In five minutes: what was tried again by stage, what was given up by whose fault.",
                    unit="none",
                    width=8,
                    queries=[
                        Query("sum by (stage) (increase(rag_ingest_retries_total{$on}[5m]))", "retry {{stage}}"),
                        Query("sum by (fault) (increase(rag_ingest_dead_letters_total{$on}[5m]))", "dead {{fault}}"),
                    ],
                ),
            ],
        ),
    ],
)
