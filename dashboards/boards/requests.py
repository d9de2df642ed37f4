"""One request from its arrival to its last token: where its time goes, and whose fault a failure is."""

from dashboards.grafana import Board, Panel, Query, Row, heat, quantiles

BOARD = Board(
    name="requests",
    title="Request path",
    description="Routes, the time to the first token as users and as the model see it, the stages between, the model.",
    rows=[
        Row(
            title="Routes",
            panels=[
                Panel(
                    title="Requests by route",
                    description="Per second.",
                    unit="reqps",
                    width=8,
                    queries=[
                        Query("sum by (route) (rate(rag_requests_total{$on}[$__rate_interval]))", "{{route}}"),
                    ],
                ),
                Panel(
                    title="Failed, by route",
                    description="Share of requests that ended with a 5xx, a 429 or a broken stream.",
                    unit="percentunit",
                    width=8,
                    queries=[
                        Query(
                            'sum by (route) (rate(rag_requests_total{$on,outcome="error"}[$__rate_interval]))'
                            " / sum by (route) (rate(rag_requests_total{$on}[$__rate_interval]) > 0)",
                            "{{route}}",
                        ),
                    ],
                ),
                Panel(
                    title="Duration by route",
                    description="To the last byte, p95: of a stream, as long as the answer takes to be written.",
                    unit="s",
                    width=8,
                    queries=quantiles("rag_request_duration_seconds", by="route", of=(0.95,)),
                ),
            ],
        ),
        Row(
            title="First token",
            panels=[
                Panel(
                    title="Users' time to first token",
                    description="From arrival to the first byte of text, every stage included. Points are exemplars: "
                    "each leads to the trace of one answer.",
                    unit="s",
                    kind="heatmap",
                    queries=heat("rag_time_to_first_token_seconds", exemplars=True),
                ),
                Panel(
                    title="The model's time to first token",
                    description="From the call of the model to its first piece. Where this is slow the model server "
                    "is; where only the users' is, the stages before it are.",
                    unit="s",
                    kind="heatmap",
                    queries=heat("rag_generator_time_to_first_token_seconds", exemplars=True),
                ),
                Panel(
                    title="Users beside model",
                    description="What the service adds to the model's own time to the first token. Answers "
                    "that only quote have no model: where they are many, users are the quicker.",
                    unit="s",
                    queries=[
                        *quantiles("rag_time_to_first_token_seconds", legend="users", of=(0.5, 0.95)),
                        *quantiles("rag_generator_time_to_first_token_seconds", legend="model", of=(0.5, 0.95)),
                    ],
                ),
                Panel(
                    title="Stages, p95",
                    description="embed, search, rerank, quote, prompt, then first_token (the writer's first text) and "
                    "generate (the rest). The tallest before first_token is what to look into.",
                    unit="s",
                    queries=quantiles("rag_stage_duration_seconds", by="stage", of=(0.95,), exemplars=True),
                ),
                Panel(
                    title="Requests in each stage",
                    description="How many answers and searches are in it on average: the seconds that all of them "
                    "spend in it, for each second.",
                    unit="none",
                    stacked=True,
                    queries=[
                        Query(
                            "sum by (stage) (rate(rag_stage_duration_seconds_sum{$on}[$__rate_interval]))",
                            "{{stage}}",
                        ),
                    ],
                ),
                Panel(
                    title="Failures by stage",
                    description="Answers and searches per second that a stage made fail.",
                    unit="reqps",
                    queries=[
                        Query(
                            "sum by (stage) (rate(rag_stage_failures_total{$on}[$__rate_interval]))",
                            "{{stage}}",
                        ),
                    ],
                ),
            ],
        ),
        Row(
            title="Language model",
            panels=[
                Panel(
                    title="Time per output token",
                    description="One answer's mean gap between pieces after the first.",
                    unit="s",
                    kind="heatmap",
                    queries=heat("rag_time_per_output_token_seconds", exemplars=True),
                ),
                Panel(
                    title="Gaps between tokens",
                    description="All gaps of all answers: a p99 far above the p50 is what readers feel as stutter.",
                    unit="s",
                    queries=quantiles("rag_inter_token_latency_seconds"),
                ),
                Panel(
                    title="Calls by outcome",
                    description="Per second. refused: the gate or the server was full; left: the client went away.",
                    unit="reqps",
                    stacked=True,
                    queries=[
                        Query(
                            "sum by (outcome) (rate(rag_generations_total{$on}[$__rate_interval]))",
                            "{{outcome}}",
                        ),
                    ],
                ),
                Panel(
                    title="Tokens",
                    description="Per second, as the model server counts them.",
                    unit="none",
                    queries=[
                        Query(
                            "sum by (kind, model) (rate(rag_tokens_total{$on}[$__rate_interval]))",
                            "{{kind}} {{model}}",
                        ),
                    ],
                ),
            ],
        ),
    ],
)
