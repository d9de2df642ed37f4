"""What is running full: gates, the embedder, the event loop, the process."""

from dashboards.grafana import Board, Panel, Query, Row, quantiles

BOARD = Board(
    name="saturation",
    title="Saturation",
    description="Of every bounded thing: how full it is, how long one waits for it, what it refused.",
    rows=[
        Row(
            title="Gates",
            panels=[
                Panel(
                    title="How full",
                    description="Calls inside or waiting, as a share of what the gate holds; at 100 % the next is "
                    "refused.",
                    unit="percentunit",
                    width=8,
                    queries=[
                        Query("max by (job, gate) (rag_gate_depth{$on} / rag_gate_capacity{$on})", "{{job}} {{gate}}"),
                    ],
                    thresholds=((0.8, "yellow"), (1.0, "red")),
                ),
                Panel(
                    title="Wait, p95",
                    description="Before a call ran.",
                    unit="s",
                    width=8,
                    queries=quantiles("rag_gate_wait_seconds", by="job, gate", of=(0.95,)),
                ),
                Panel(
                    title="Refused",
                    description="Calls per second that a full gate turned away; of the service: users saw a 429.",
                    unit="reqps",
                    width=8,
                    queries=[
                        Query(
                            "sum by (job, gate) (rate(rag_gate_refusals_total{$on}[$__rate_interval]))",
                            "{{job}} {{gate}}",
                        ),
                    ],
                ),
            ],
        ),
        Row(
            title="Embedder",
            panels=[
                Panel(
                    title="Phases, p95",
                    description="queue: others were before it; tokenize; inference: the model itself.",
                    unit="s",
                    width=8,
                    queries=quantiles("rag_embed_duration_seconds", by="job, phase", of=(0.95,)),
                ),
                Panel(
                    title="Texts in one call",
                    description="1 for a question; full batches while documents are taken in.",
                    unit="none",
                    width=8,
                    queries=quantiles("rag_embed_batch_size", by="job", of=(0.5, 0.95)),
                ),
                Panel(
                    title="Tokens in one call",
                    description="Padding included: what a call costs. Local models only.",
                    unit="none",
                    width=8,
                    queries=quantiles("rag_embed_batch_tokens", by="job", of=(0.5, 0.95)),
                ),
            ],
        ),
        Row(
            title="Process",
            panels=[
                Panel(
                    title="Event loop lag, p99",
                    description="How much later than due a timer runs: what every request waits in addition. Something "
                    "computes on the loop where this is high.",
                    unit="s",
                    width=8,
                    queries=quantiles("rag_event_loop_lag_seconds", by="instance", of=(0.99,)),
                ),
                Panel(
                    title="Requests in flight",
                    description="Not yet answered to the end; probes and scrapes are not among them.",
                    unit="none",
                    width=8,
                    queries=[Query("sum by (instance) (rag_inflight_requests{$on})", "{{instance}}")],
                ),
                Panel(
                    title="CPU",
                    description="Cores that the process uses.",
                    unit="none",
                    width=8,
                    queries=[
                        Query(
                            "sum by (job, instance) (rate(process_cpu_seconds_total{$on}[$__rate_interval]))",
                            "{{job}} {{instance}}",
                        ),
                    ],
                ),
                Panel(
                    title="Memory",
                    description="Resident: models, stores and requests.",
                    unit="bytes",
                    width=8,
                    queries=[Query("process_resident_memory_bytes{$on}", "{{job}} {{instance}}")],
                ),
                Panel(
                    title="Open files",
                    description="As a share of what the process may open: connections and revisions.",
                    unit="percentunit",
                    width=8,
                    queries=[Query("process_open_fds{$on} / process_max_fds{$on}", "{{job}} {{instance}}")],
                    thresholds=((0.8, "red"),),
                ),
                Panel(
                    title="Spans by what became of them",
                    description="Per second. failed: the collector did not take them; dropped: too many waited for it; "
                    "all 0: no collector is configured.",
                    unit="none",
                    width=8,
                    queries=[
                        Query(
                            "sum by (job, result) (rate(rag_trace_spans_total{$on}[$__rate_interval]))",
                            "{{job}} {{result}}",
                        ),
                    ],
                ),
                Panel(
                    title="Uptime",
                    description="A saw's teeth are restarts.",
                    unit="s",
                    width=8,
                    queries=[Query("time() - process_start_time_seconds{$on}", "{{job}} {{instance}}")],
                ),
            ],
        ),
    ],
)
