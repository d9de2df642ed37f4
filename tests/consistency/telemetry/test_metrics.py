"""Counters exist before their first event, and histograms reach as far as the longest wait."""

import pytest
from prometheus_client import Counter, Gauge, Histogram

import ingest.metrics
import rag.metrics
import service.metrics

# Their labels are known when the part that counts opens, and it creates them then: routes, gates, tasks, prompts,
# models, rubrics, bins of a reference.
_CREATED_BY_THEIR_PART = {
    "rag_requests",
    "rag_gate_refusals",
    "rag_tasks_failed",
    "rag_prompt_answers",
    "rag_tokens",
    "rag_judge_verdicts",
    "rag_judge_failures",
    "rag_drift_observations",
    "rag_state_failures",
}
_METRICS = {
    metric._name: metric
    for module in (rag.metrics, service.metrics, ingest.metrics)
    for metric in vars(module).values()
    if isinstance(metric, Counter | Gauge | Histogram) and not metric._labelvalues
}
_LONGEST_WAITS = {
    # A model may take RAG_HTTP__READ seconds for each chunk, and questions queue before it.
    "rag_time_to_first_token_seconds": 640,
    "rag_generator_time_to_first_token_seconds": 640,
    "rag_request_duration_seconds": 640,
    "rag_stage_duration_seconds": 640,
    "rag_inter_token_latency_seconds": 640,
    "rag_time_per_output_token_seconds": 640,
    "rag_gate_wait_seconds": 640,
    "rag_embed_duration_seconds": 60,
    "rag_ingest_stage_duration_seconds": 600,
    "rag_ingest_freshness_seconds": 86_400,
    # A process whose loop is blocked for longer does not answer the scrape either.
    "rag_event_loop_lag_seconds": 10,
    # SQLite gives up a locked file after five seconds.
    "rag_state_duration_seconds": 5,
}


def test_the_metrics_are_found():
    assert len(_METRICS) > 40
    assert _METRICS.keys() >= _CREATED_BY_THEIR_PART


@pytest.mark.parametrize("name", [name for name, metric in _METRICS.items() if isinstance(metric, Counter)])
def test_a_counter_starts_at_0_for_every_label_value_that_is_known(name):
    # PromQL does not see the increase of a series that first appears with 1.
    counter = _METRICS[name]
    if name not in _CREATED_BY_THEIR_PART:
        assert [sample for family in counter.collect() for sample in family.samples]


@pytest.mark.parametrize(
    "name", [name for name, it in _METRICS.items() if isinstance(it, Histogram) and name.endswith("_seconds")]
)
def test_the_buckets_reach_as_far_as_the_longest_wait(name):
    *bounds, last = _METRICS[name]._upper_bounds
    assert last == float("inf")
    assert bounds[-1] >= _LONGEST_WAITS[name]
