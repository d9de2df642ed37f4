"""Every metric of the online path; `rag/metrics.py` has those of both processes."""

from prometheus_client import Counter, Gauge, Histogram

from rag.stages import StageMetrics

_STAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10)
# vLLM's buckets, so that the user's and the model server's view lie on the same grid.
_TTFT_BUCKETS = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2, 2.5, 5, 7.5, 10, 20, 40, 80, 160,
)  # fmt: skip
_TOKEN_BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)

REQUESTS = Counter(
    "rag_requests_total",
    "Requests by route and outcome; error: a 5xx, a 429, or a stream that broke after it had begun.",
    ["route", "outcome"],
)
REQUEST_DURATION = Histogram(
    "rag_request_duration_seconds",
    "From the request's arrival to the last byte of its response.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, 20, 40),
)
INFLIGHT = Gauge(
    "rag_inflight_requests", "Requests that have not been answered to the end; those for probes and metrics are none."
)
TIME_TO_FIRST_TOKEN = Histogram(
    "rag_time_to_first_token_seconds",
    "From the request's arrival to the first byte of answer text: what the user waits, every stage included.",
    buckets=_TTFT_BUCKETS,
)
GENERATOR_TIME_TO_FIRST_TOKEN = Histogram(
    "rag_generator_time_to_first_token_seconds",
    "From the call of the model to its first piece.",
    buckets=_TTFT_BUCKETS,
)
TIME_PER_OUTPUT_TOKEN = Histogram(
    "rag_time_per_output_token_seconds",
    "(last piece - first piece) / (pieces - 1) of one answer of the model; a piece is one streamed chunk.",
    buckets=_TOKEN_BUCKETS,
)
INTER_TOKEN_LATENCY = Histogram(
    "rag_inter_token_latency_seconds",
    "Time between two pieces of the model, all answers together; a piece is one streamed chunk.",
    buckets=_TOKEN_BUCKETS,
)
GENERATIONS = Counter(
    "rag_generations_total", "Calls of the model by outcome; left: nobody waited for the rest.", ["outcome"]
)
STAGE_DURATION = Histogram(
    "rag_stage_duration_seconds", "Time of one stage of an answer.", ["stage"], buckets=_STAGE_BUCKETS
)
STAGE_FAILURES = Counter("rag_stage_failures_total", "Answers and searches that a stage made fail.", ["stage"])
RETRIEVED_CHUNKS = Histogram(
    "rag_retrieved_chunks", "Passages found for a question.", buckets=(0, 1, 2, 3, 5, 8, 13, 20, 50)
)
RERANKS = Counter("rag_reranks_total", "Rerankings by how far the time reached.", ["extent"])
PASSED_OVER = Counter(
    "rag_passed_over_chunks_total",
    "Passages that gave way to a worse one: they repeat a better one, or their document had its share.",
)
ANSWERS = Counter(
    "rag_answers_total", "Answers by how they were written; refused: the documents do not hold it.", ["mode"]
)
CITED_ANSWERS = Counter(
    "rag_cited_answers_total", "Answers that cite a passage, by how they were written: the grounded ones.", ["mode"]
)
PROMPT_INFO = Gauge("rag_prompt_info", "1 for each version of a prompt that is loaded.", ["name", "version", "hash"])
PROMPT_ANSWERS = Counter(
    "rag_prompt_answers_total",
    "Answers of the model by the version of its prompt; outcome: cited, uncited or failed.",
    ["name", "version", "outcome"],
)
JUDGE_VERDICTS = Counter(
    "rag_judge_verdicts_total", "Live answers by the judge's verdict.", ["rubric", "verdict", "prompt"]
)
JUDGE_SCORE = Histogram(
    "rag_judge_score", "The judge's scores of live answers.", ["rubric"], buckets=(0, 0.25, 0.5, 0.75, 1)
)
JUDGE_FAILURES = Counter(
    "rag_judge_failures_total", "Judgements that gave no verdict: unreadable or failed.", ["rubric", "reason"]
)
JUDGE_DROPPED = Counter("rag_judge_dropped_total", "Sampled answers that were not judged: full or stopped.", ["reason"])
JUDGE_KAPPA = Gauge(
    "rag_judge_kappa",
    "Cohen's kappa of the live judge with people, as calibrated; absent: not calibrated.",
    ["rubric", "data"],
)
TOKENS = Counter("rag_tokens_total", "Tokens as the model server counts them.", ["kind", "model"])

_STAGES = ("embed", "search", "rerank", "quote", "prompt", "first_token", "generate")
_FAILURE_LABELS = {"embed": "embed", "search": "search", "first_token": "write", "generate": "write"}
ANSWER_STAGES = StageMetrics(
    durations={stage: STAGE_DURATION.labels(stage) for stage in _STAGES},
    failures={stage: STAGE_FAILURES.labels(label) for stage, label in _FAILURE_LABELS.items()},
)
OUTCOMES = ("ok", "refused", "error", "cancelled")
RERANKS_BY = {extent: RERANKS.labels(extent) for extent in ("full", "partial", "skipped", "failed")}
GENERATIONS_THAT = {outcome: GENERATIONS.labels(outcome) for outcome in ("ok", "failed", "refused", "left")}
_MODES = ("quote", "checked", "generate")
ANSWERS_BY = {mode: ANSWERS.labels(mode) for mode in (*_MODES, "refused")}
CITED_ANSWERS_BY = {mode: CITED_ANSWERS.labels(mode) for mode in _MODES}
for reason in ("full", "stopped"):
    JUDGE_DROPPED.labels(reason)

# Drift (docs/adr/0028): bins are the deciles of the reference, so PSI over any window and all replicas is one query.
DRIFT_OBSERVATIONS = Counter(
    "rag_drift_observations_total",
    "Questions by the bin that a feature of theirs fell into; the bins are the reference's.",
    ["feature", "bin", "reference"],
)
DRIFT_REFERENCE_RATIO = Gauge(
    "rag_drift_reference_ratio", "Share of the reference in this bin.", ["feature", "bin", "reference"]
)
DRIFT_REFERENCE_QUESTIONS = Gauge(
    "rag_drift_reference_questions", "Questions of the reference that have this feature.", ["feature", "reference"]
)
DRIFT_REFERENCE_TIMESTAMP = Gauge(
    "rag_drift_reference_timestamp_seconds", "When the reference was made.", ["reference"]
)
