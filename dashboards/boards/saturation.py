"""The utilisation of every bounded part: gates, the embedder, the event loop, the process."""

from dashboards.grafana import Board, Panel, Query, Row, quantiles, rates

BOARD = Board(
    name="saturation",
    title="Saturation",
    description="How full each bounded part is, how long calls wait for it, and how many calls it refuses.",
    rows=[
        Row(
            title="Gates",
            panels=[
                Panel(
                    title="Gate utilisation",
                    description="Running and waiting calls as a ratio of the gate's capacity. At 100 % the gate "
                    "refuses the next call.",
                    unit="percentunit",
                    width=8,
                    queries=[
                        Query("max by (job, gate) (rag_gate_depth{$on} / rag_gate_capacity{$on})", "{{job}} {{gate}}"),
                    ],
                    thresholds=((0.8, "yellow"), (1.0, "red")),
                ),
                Panel(
                    title="Gate wait, p95",
                    description="The time that a call waited before it ran.",
                    unit="s",
                    width=8,
                    queries=quantiles("rag_gate_wait_seconds", by="job, gate", of=(0.95,)),
                ),
                Panel(
                    title="Refused calls",
                    description="Calls per second that a full gate refused. For the service, clients got a 429.",
                    unit="reqps",
                    width=8,
                    queries=rates("rag_gate_refusals_total", by="job, gate"),
                ),
            ],
        ),
        Row(
            title="Embedder",
            panels=[
                Panel(
                    title="Embedding phases, p95",
                    description="queue: waiting for earlier calls. tokenize: the tokenizer. inference: the model.",
                    unit="s",
                    width=8,
                    queries=quantiles("rag_embed_duration_seconds", by="job, phase", of=(0.95,)),
                ),
                Panel(
                    title="Texts per call",
                    description="1 for a question, full batches for documents.",
                    unit="none",
                    width=8,
                    queries=quantiles("rag_embed_batch_size", by="job", of=(0.5, 0.95)),
                ),
                Panel(
                    title="Tokens per call",
                    description="Tokens including padding, which determine the cost of a call. Local models only.",
                    unit="none",
                    width=8,
                    queries=quantiles("rag_embed_batch_tokens", by="job", of=(0.5, 0.95)),
                ),
            ],
        ),
        Row(
            title="Shared state",
            panels=[
                Panel(
                    title="Calls to the shared state, p95",
                    description="The duration of a call by operation: SQLite's file, or the Redis of RAG_STATE__URL.",
                    unit="s",
                    queries=quantiles("rag_state_duration_seconds", by="operation", of=(0.95,)),
                ),
                Panel(
                    title="Failed calls to the shared state",
                    description="Calls per second. Conversations lose turns, and feedback is refused. The alert "
                    "StateFailing fires if a fifth of the calls fails.",
                    unit="reqps",
                    queries=rates("rag_state_failures_total", by="operation"),
                ),
            ],
        ),
        Row(
            title="Process",
            panels=[
                Panel(
                    title="Event loop lag, p99",
                    description="The delay of a timer, which every request suffers too. A high value means that code "
                    "computes on the event loop or that the process lacks CPU.",
                    unit="s",
                    width=8,
                    queries=quantiles("rag_event_loop_lag_seconds", by="instance", of=(0.99,)),
                ),
                Panel(
                    title="Requests in flight",
                    description="Requests without a complete response. Probes and scrapes are excluded.",
                    unit="none",
                    width=8,
                    queries=[Query("sum by (instance) (rag_inflight_requests{$on})", "{{instance}}")],
                ),
                Panel(
                    title="CPU",
                    description="The number of cores that the process uses.",
                    unit="none",
                    width=8,
                    queries=rates("process_cpu_seconds_total", by="job, instance"),
                ),
                Panel(
                    title="Memory",
                    description="Resident memory: models, embedded stores and requests.",
                    unit="bytes",
                    width=8,
                    queries=[Query("process_resident_memory_bytes{$on}", "{{job}} {{instance}}")],
                ),
                Panel(
                    title="Open files",
                    description="Open file descriptors as a ratio of the process limit. Connections and revisions use "
                    "them.",
                    unit="percentunit",
                    width=8,
                    queries=[Query("process_open_fds{$on} / process_max_fds{$on}", "{{job}} {{instance}}")],
                    thresholds=((0.8, "red"),),
                ),
                Panel(
                    title="Trace spans by result",
                    description="Spans per second. failed: the collector did not accept them. dropped: the export "
                    "queue was full. All 0: no collector is configured.",
                    unit="none",
                    width=8,
                    queries=rates("rag_trace_spans_total", by="job, result"),
                ),
                Panel(
                    title="Lost log lines",
                    description="Lines per second that standard error did not take: it is closed or full, or its "
                    "reader is stuck.",
                    unit="none",
                    width=8,
                    queries=rates("rag_log_lines_lost_total", by="job, instance"),
                ),
                Panel(
                    title="Uptime",
                    description="The time since the process started. Each drop to 0 is a restart.",
                    unit="s",
                    width=8,
                    queries=[Query("time() - process_start_time_seconds{$on}", "{{job}} {{instance}}")],
                ),
            ],
        ),
    ],
)
