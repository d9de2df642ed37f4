"""The path of a request from its arrival to the last token: the time and the failures of each stage."""

from dashboards.grafana import Board, Panel, Query, Row, heat, quantiles, rates

BOARD = Board(
    name="requests",
    title="Request path",
    description="Requests by route, time to first token, the stages of an answer, and the language model.",
    rows=[
        Row(
            title="Routes",
            panels=[
                Panel(
                    title="Requests by route",
                    description="Requests per second.",
                    unit="reqps",
                    width=8,
                    queries=rates("rag_requests_total", by="route"),
                ),
                Panel(
                    title="Error ratio by route",
                    description="The ratio of requests that ended with a 5xx, a 429 or a broken stream.",
                    unit="percentunit",
                    width=8,
                    queries=[
                        Query(
                            'sum by (route) (rate(rag_requests_total{$on,outcome=~"error|overloaded|abandoned"}'
                            "[$__rate_interval]))"
                            " / sum by (route) (rate(rag_requests_total{$on}[$__rate_interval]) > 0)",
                            "{{route}}",
                        ),
                    ],
                ),
                Panel(
                    title="Duration by route",
                    description="The p95 of the time to the last byte. For a stream this includes writing the answer.",
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
                    title="User time to first token",
                    description="From the arrival of the request to the first byte of answer text, all stages "
                    "included. Each point is an exemplar that links to the trace of one answer.",
                    unit="s",
                    kind="heatmap",
                    queries=heat("rag_time_to_first_token_seconds", exemplars=True),
                ),
                Panel(
                    title="Model time to first token",
                    description="From the call to the model to its first token. If this is slow, the model server is "
                    "slow. If only the user time is slow, the cause is an earlier stage.",
                    unit="s",
                    kind="heatmap",
                    queries=heat("rag_generator_time_to_first_token_seconds", exemplars=True),
                ),
                Panel(
                    title="Time to first token: user and model",
                    description="The difference between the two is what the service adds. Mode quote does not use the "
                    "model, so with many such answers the user time can be the lower one.",
                    unit="s",
                    queries=[
                        *quantiles("rag_time_to_first_token_seconds", legend="users", of=(0.5, 0.95)),
                        *quantiles("rag_generator_time_to_first_token_seconds", legend="model", of=(0.5, 0.95)),
                    ],
                ),
                Panel(
                    title="Stages, p95",
                    description="The duration of each stage in order: rewrite (of a follow-up question), plan "
                    "(agentic), embed, search, rerank, grade (agentic), quote, prompt, first_token (the first text of "
                    "the writer), generate (the rest of the answer). Start with the slowest one.",
                    unit="s",
                    queries=quantiles("rag_stage_duration_seconds", by="stage", of=(0.95,), exemplars=True),
                ),
                Panel(
                    title="Requests in each stage",
                    description="The average number of answers and searches in each stage at the same time.",
                    unit="none",
                    stacked=True,
                    queries=rates("rag_stage_duration_seconds_sum", by="stage"),
                ),
                Panel(
                    title="Failures by stage",
                    description="Failed answers and searches per second, by the stage that failed.",
                    unit="reqps",
                    queries=rates("rag_stage_failures_total", by="stage"),
                ),
            ],
        ),
        Row(
            title="Language model",
            panels=[
                Panel(
                    title="Time per output token",
                    description="The mean time between two tokens of one answer, after the first token.",
                    unit="s",
                    kind="heatmap",
                    queries=heat("rag_time_per_output_token_seconds", exemplars=True),
                ),
                Panel(
                    title="Gaps between tokens",
                    description="The time between two tokens over all answers. If the p99 is far above the p50, users "
                    "see the text stutter.",
                    unit="s",
                    queries=quantiles("rag_inter_token_latency_seconds"),
                ),
                Panel(
                    title="Calls by outcome",
                    description="Model calls per second. overloaded: the gate or the model server was full. left: the "
                    "client disconnected.",
                    unit="reqps",
                    stacked=True,
                    queries=rates("rag_generations_total", by="outcome"),
                ),
                Panel(
                    title="Tokens",
                    description="Tokens per second as counted by the model server.",
                    unit="none",
                    queries=rates("rag_tokens_total", by="kind, model"),
                ),
            ],
        ),
        Row(
            title="Conversations",
            panels=[
                Panel(
                    title="Answers in conversations",
                    description="Answers per second. lost: the shared state failed, and the conversation lacks the "
                    "answer.",
                    unit="reqps",
                    width=8,
                    queries=rates("rag_conversation_turns_total", by="outcome"),
                ),
                Panel(
                    title="Follow-up questions",
                    description="Questions per second by result. model: the model rewrote the question. words: words "
                    "of earlier questions were added. failed, rejected: the text of the model was not usable, so "
                    "words were used.",
                    unit="reqps",
                    width=8,
                    queries=rates("rag_follow_ups_total", by="outcome"),
                ),
                Panel(
                    title="Feedback",
                    description="Ratings over five minutes, by rating and writing mode.",
                    unit="none",
                    width=8,
                    queries=[
                        Query("sum by (rating, mode) (increase(rag_feedback_total{$on}[5m]))", "{{rating}} {{mode}}"),
                    ],
                ),
            ],
        ),
    ],
)
