"""What answers stand on: passages found, answers that cite, what a judge thinks, and whether questions moved."""

from dashboards.grafana import Board, Panel, Query, Row, quantiles

_JUDGED = "sum by (rubric) (rate(rag_judge_score_{}{{$on}}[$__rate_interval]))"
BOARD = Board(
    name="retrieval",
    title="Retrieval and drift",
    description="Quality of what is found and written, live; and whether questions are still those of the reference.",
    rows=[
        Row(
            title="Found",
            panels=[
                Panel(
                    title="Passages for a question",
                    description="Median and tenth percentile; a fall to 0 is an empty collection or a filter that "
                    "lets nothing through.",
                    unit="none",
                    width=8,
                    queries=quantiles("rag_retrieved_chunks", of=(0.1, 0.5)),
                ),
                Panel(
                    title="Passages that gave way",
                    description="Per question: repeated a better passage, or their document had its share. "
                    "A rise means duplicates were ingested.",
                    unit="none",
                    width=8,
                    queries=[
                        Query(
                            "sum(rate(rag_passed_over_chunks_total{$on}[$__rate_interval]))"
                            " / sum(rate(rag_retrieved_chunks_count{$on}[$__rate_interval]))",
                            "passed over",
                        ),
                    ],
                ),
                Panel(
                    title="Reranking by how far it came",
                    description="Questions per second. partial and skipped: the time for the first text ran out; "
                    "all 0: no reranker is configured.",
                    unit="reqps",
                    width=8,
                    stacked=True,
                    queries=[
                        Query("sum by (extent) (rate(rag_reranks_total{$on}[$__rate_interval]))", "{{extent}}"),
                    ],
                ),
            ],
        ),
        Row(
            title="Written",
            panels=[
                Panel(
                    title="Refused",
                    description="Share of questions that the documents say nothing about. A rise: questions went off "
                    "the topic, or documents are missing.",
                    unit="percentunit",
                    width=8,
                    queries=[
                        Query(
                            'sum(rate(rag_answers_total{$on,mode="refused"}[$__rate_interval]))'
                            " / sum(rate(rag_answers_total{$on}[$__rate_interval]))",
                            "refused",
                        ),
                    ],
                ),
                Panel(
                    title="Grounded",
                    description="Share of answers, refusals apart, that cite a passage.",
                    unit="percentunit",
                    width=8,
                    queries=[
                        Query(
                            "sum by (mode) (rate(rag_cited_answers_total{$on}[$__rate_interval]))"
                            " / sum by (mode) (rate(rag_answers_total{$on}[$__rate_interval]) > 0)",
                            "{{mode}}",
                        ),
                    ],
                ),
                Panel(
                    title="By version of the prompt",
                    description="The model's answers per second: cited, uncited or failed.",
                    unit="reqps",
                    width=8,
                    queries=[
                        Query(
                            "sum by (name, version, outcome) (rate(rag_prompt_answers_total{$on}[$__rate_interval]))",
                            "{{name}}/{{version}} {{outcome}}",
                        ),
                    ],
                ),
                Panel(
                    title="The judge's scores",
                    description="Mean of the sampled answers by rubric (RAG_JUDGE__SAMPLE; nothing where it is 0). "
                    "How far this judge agrees with people: the panel beside it.",
                    unit="percentunit",
                    width=8,
                    queries=[Query(f"{_JUDGED.format('sum')} / {_JUDGED.format('count')}", "{{rubric}}")],
                ),
                Panel(
                    title="Agreement of the judge with people",
                    description="Cohen's kappa as calibrated; 0 is chance. No line: nobody calibrated this judge, "
                    "and its scores tell a change at most.",
                    unit="none",
                    width=8,
                    queries=[Query("max by (rubric, data) (rag_judge_kappa{$on})", "{{rubric}} {{data}}")],
                ),
                Panel(
                    title="Judgements that failed or were dropped",
                    description="Per second. full: more answers were sampled than the judge could read.",
                    unit="reqps",
                    width=8,
                    queries=[
                        Query("sum by (reason) (rate(rag_judge_failures_total{$on}[$__rate_interval]))", "{{reason}}"),
                        Query("sum by (reason) (rate(rag_judge_dropped_total{$on}[$__rate_interval]))", "{{reason}}"),
                    ],
                ),
            ],
        ),
        Row(
            title="Drift",
            panels=[
                Panel(
                    title="A day's questions against the reference",
                    description="Population stability index by feature: below 0.1 is little, above 0.25 much. Nothing "
                    "where no reference was made (`python -m evals reference`).",
                    unit="none",
                    queries=[Query('feature:rag_drift_psi:1d{namespace=~"$namespace"}', "{{feature}} {{reference}}")],
                    thresholds=((0.1, "yellow"), (0.25, "red")),
                ),
                Panel(
                    title="A day's questions against last week's",
                    description="The same index, against the same day a week ago: what is new, whatever the reference.",
                    unit="none",
                    queries=[
                        Query(
                            'feature:rag_drift_psi_against_last_week:1d{namespace=~"$namespace"}',
                            "{{feature}} {{reference}}",
                        )
                    ],
                    thresholds=((0.1, "yellow"), (0.25, "red")),
                ),
                Panel(
                    title="Where questions fall",
                    description="Share of a day's questions in each bin of the reference, for the mean nearness to its "
                    "nearest questions: bin 0 are strangers. In the reference each bin has a tenth.",
                    unit="percentunit",
                    stacked=True,
                    queries=[
                        Query(
                            "feature_bin:rag_drift_observations:share_1d"
                            '{namespace=~"$namespace",feature="nearest_questions"}',
                            "bin {{bin}} {{reference}}",
                        )
                    ],
                ),
                Panel(
                    title="Age of the reference",
                    description="Make it anew after a change that is wanted: `python -m evals reference`.",
                    unit="s",
                    queries=[
                        Query(
                            "time() - max by (reference) (rag_drift_reference_timestamp_seconds{$on})", "{{reference}}"
                        )
                    ],
                ),
            ],
        ),
    ],
)
