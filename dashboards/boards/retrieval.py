"""The quality of answers in production: retrieval, citations, judge scores and drift."""

from dashboards.grafana import Board, Panel, Query, Row, quantiles, rates

_JUDGED = "sum by (rubric) (rate(rag_judge_score_{}{{$on}}[$__rate_interval]))"
BOARD = Board(
    name="retrieval",
    title="Retrieval and drift",
    description="The quality of retrieval and answers in production, and how far questions differ from a reference.",
    rows=[
        Row(
            title="Retrieval",
            panels=[
                Panel(
                    title="Passages per question",
                    description="The median and the 10th percentile. 0 means an empty collection or a filter that "
                    "matches nothing.",
                    unit="none",
                    width=8,
                    queries=quantiles("rag_retrieved_chunks", of=(0.1, 0.5)),
                ),
                Panel(
                    title="Passages dropped in selection",
                    description="The mean number per question. A passage is dropped if it repeats a better one or if "
                    "its document has reached its limit. A rise means that duplicates were ingested.",
                    unit="none",
                    width=8,
                    queries=[
                        Query(
                            "sum(rate(rag_passed_over_chunks_total{$on}[$__rate_interval]))"
                            " / sum(rate(rag_retrieved_chunks_count{$on}[$__rate_interval]))",
                            "dropped",
                        ),
                    ],
                ),
                Panel(
                    title="Reranking by extent",
                    description="Questions per second. partial and skipped: the time limit for the first token was "
                    "reached. All 0: no reranker is configured.",
                    unit="reqps",
                    width=8,
                    stacked=True,
                    queries=rates("rag_reranks_total", by="extent"),
                ),
            ],
        ),
        Row(
            title="Answers",
            panels=[
                Panel(
                    title="Declined and unsure ratio",
                    description="The ratio of declined questions, and of answers which say that they may not answer "
                    "the question. A rise means that users ask about other topics or that documents are missing.",
                    unit="percentunit",
                    width=8,
                    queries=[
                        Query(
                            'sum(rate(rag_answers_total{$on,mode="declined"}[$__rate_interval]))'
                            " / sum(rate(rag_answers_total{$on}[$__rate_interval]))",
                            "declined",
                        ),
                        Query(
                            "sum(rate(rag_unsure_answers_total{$on}[$__rate_interval]))"
                            " / sum(rate(rag_answers_total{$on}[$__rate_interval]))",
                            "unsure",
                        ),
                    ],
                ),
                Panel(
                    title="Groundedness",
                    description="Per mode: the ratio of answers, declined ones excluded, that cite a passage. Removed "
                    "citations named no passage. For sentences decided by vectors, words alone did not show whether a "
                    "passage supports them. Many removed citations or unsupported sentences: the model guesses.",
                    unit="percentunit",
                    width=8,
                    queries=[
                        Query(
                            "sum by (mode) (rate(rag_cited_answers_total{$on}[$__rate_interval]))"
                            " / sum by (mode) (rate(rag_answers_total{$on}[$__rate_interval]) > 0)",
                            "{{mode}}",
                        ),
                        Query(
                            "sum(rate(rag_citations_removed_total{$on}[$__rate_interval]))"
                            ' / sum(rate(rag_answers_total{$on,mode="generate"}[$__rate_interval]) > 0)',
                            "removed citations per generated answer",
                        ),
                        Query(
                            'sum(rate(rag_answer_sentences_total{$on,verdict="unsupported"}[$__rate_interval]))'
                            ' / sum(rate(rag_answer_sentences_total{$on,verdict!="nothing"}[$__rate_interval]) > 0)',
                            "unsupported sentences",
                        ),
                        Query(
                            "sum(rate(rag_answer_sentences_by_vectors_total{$on}[$__rate_interval]))"
                            ' / sum(rate(rag_answer_sentences_total{$on,verdict!="nothing"}[$__rate_interval]) > 0)',
                            "sentences decided by vectors",
                        ),
                    ],
                ),
                Panel(
                    title="Agentic answers",
                    description="Answers of the mode agentic per second, by the reason why the search ended, and "
                    "failed steps. Many steps, tokens or seconds: the limits in RAG_AGENT__… are too small for the "
                    "questions or the model. Many direct: the model fails to plan or to grade.",
                    unit="reqps",
                    width=8,
                    queries=[
                        *rates("rag_agent_answers_total", by="end"),
                        Query(
                            'sum by (step) (rate(rag_agent_steps_total{$on,status="failed"}[$__rate_interval]))',
                            "failed {{step}}",
                        ),
                    ],
                ),
                Panel(
                    title="Answers by prompt version",
                    description="Answers of the model per second by prompt and outcome: cited, uncited or failed.",
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
                    title="Judge scores",
                    description="The mean score of the sampled answers by rubric. Empty if RAG_JUDGE__SAMPLE is 0. "
                    "The next panel shows how far this judge can be trusted.",
                    unit="percentunit",
                    width=8,
                    queries=[Query(f"{_JUDGED.format('sum')} / {_JUDGED.format('count')}", "{{rubric}}")],
                ),
                Panel(
                    title="Judge agreement with people",
                    description="Cohen's kappa from the calibration; 0 is chance. Empty if this judge is not "
                    "calibrated: then only changes of its scores are meaningful, not their level.",
                    unit="none",
                    width=8,
                    queries=[Query("max by (rubric, data) (rag_judge_kappa{$on})", "{{rubric}} {{data}}")],
                ),
                Panel(
                    title="Verdicts",
                    description="Verdicts of the judge per second, by rubric.",
                    unit="reqps",
                    width=8,
                    queries=rates("rag_judge_verdicts_total", by="rubric, verdict"),
                ),
                Panel(
                    title="Failed and dropped judgements",
                    description="Judgements per second. full: the judge could not keep up with the sampled answers.",
                    unit="reqps",
                    width=8,
                    queries=[
                        *rates("rag_judge_failures_total", by="reason"),
                        *rates("rag_judge_dropped_total", by="reason"),
                    ],
                ),
            ],
        ),
        Row(
            title="Drift",
            panels=[
                Panel(
                    title="Drift from the reference",
                    description="The population stability index of the last 24 hours by feature. Below 0.1 is a small "
                    "shift, above 0.25 a large one. Empty without a reference (`python -m evals reference`).",
                    unit="none",
                    queries=[Query('feature:rag_drift_psi:1d{namespace=~"$namespace"}', "{{feature}} {{reference}}")],
                    thresholds=((0.1, "yellow"), (0.25, "red")),
                ),
                Panel(
                    title="Drift from last week",
                    description="The same index compared with the same day of the previous week. It shows recent "
                    "changes, also if the reference is old.",
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
                    title="Questions by similarity to the reference",
                    description="The ratio of the last 24 hours' questions in each bin of similarity to the "
                    "reference's nearest questions. Bin 0 is the least similar. In the reference each bin has a tenth.",
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
                    description="Create a new reference after an intended change: `python -m evals reference`.",
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
