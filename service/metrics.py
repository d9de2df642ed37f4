"""Metrics of the service only; `rag/metrics.py` has the metrics that service and worker share."""

from prometheus_client import Counter, Gauge, Histogram

from rag.stages import StageMetrics

# All buckets end beyond the longest wait: a question may queue, and the read timeout starts again with each chunk.
_LONG = (20, 40, 80, 160, 640)
_STAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, *_LONG)
# vLLM's buckets, so that one query can compare the user's view with the model server's.
_TTFT_BUCKETS = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2, 2.5, 5, 7.5, 10, *_LONG,
)  # fmt: skip
_TOKEN_BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, *_LONG)

REQUESTS = Counter(
    "rag_requests_total",
    "Requests by outcome. overloaded: 429. invalid: another 4xx. error: 5xx, or a broken stream. abandoned: the client "
    "left without any text after RAG_ANSWERING__FIRST_TEXT_SECONDS. cancelled: it left earlier, or with a part.",
    ["route", "outcome"],
)
REQUEST_DURATION = Histogram(
    "rag_request_duration_seconds",
    "Time from the arrival of a request to the last byte of its response.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, *_LONG),
)
INFLIGHT = Gauge("rag_inflight_requests", "Requests in progress. Probes and scrapes of /metrics are excluded.")
TIME_TO_FIRST_TOKEN = Histogram(
    "rag_time_to_first_token_seconds",
    "Time from a request to the first visible text, or to the whole answer if it is not streamed. Answers of the mode "
    "agentic are left out, because their searches may take RAG_AGENT__SECONDS.",
    buckets=_TTFT_BUCKETS,
)
GENERATOR_TIME_TO_FIRST_TOKEN = Histogram(
    "rag_generator_time_to_first_token_seconds", "Time from a model call to its first chunk.", buckets=_TTFT_BUCKETS
)
TIME_PER_OUTPUT_TOKEN = Histogram(
    "rag_time_per_output_token_seconds", "Mean time between the chunks of a model answer.", buckets=_TOKEN_BUCKETS
)
INTER_TOKEN_LATENCY = Histogram(
    "rag_inter_token_latency_seconds", "Time between two streamed chunks of the model.", buckets=_TOKEN_BUCKETS
)
GENERATIONS = Counter(
    "rag_generations_total", "Model calls by outcome. overloaded: 429. left: the client disconnected.", ["outcome"]
)
STAGE_DURATION = Histogram(
    "rag_stage_duration_seconds", "Duration of one stage of an answer.", ["stage"], buckets=_STAGE_BUCKETS
)
STAGE_FAILURES = Counter("rag_stage_failures_total", "Failed answers and searches, by failed stage.", ["stage"])
RETRIEVED_CHUNKS = Histogram(
    "rag_retrieved_chunks", "Passages selected for a question.", buckets=(0, 1, 2, 3, 5, 8, 13, 20, 50)
)
RERANKS = Counter("rag_reranks_total", "Reranker runs by extent: full, partial, skipped or failed.", ["extent"])
PASSED_OVER = Counter(
    "rag_passed_over_chunks_total", "Passages passed over as duplicates or beyond the limit of their document."
)
AGENT_ANSWERS = Counter(
    "rag_agent_answers_total",
    "Answers of the mode agentic by the reason of their end. steps, tokens, seconds: a bound ended the searches. "
    "direct: the model failed while planning or grading. withheld: no sentence was supported. left: the client left.",
    ["end"],
)
AGENT_STEPS = Counter("rag_agent_steps_total", "Steps of agentic answers: done or failed.", ["step", "status"])
ANSWERS = Counter(
    "rag_answers_total", "Answers by writing mode. declined: no passage that answers was found.", ["mode"]
)
UNSURE_ANSWERS = Counter(
    "rag_unsure_answers_total",
    "Answers that say they may not answer the question. rag_answers_total counts them by mode.",
)
CITED_ANSWERS = Counter("rag_cited_answers_total", "Answers with at least one citation, by writing mode.", ["mode"])
CITATIONS_REMOVED = Counter(
    "rag_citations_removed_total", "Numbers in brackets without a passage that were removed from model answers."
)
SENTENCES = Counter(
    "rag_answer_sentences_total",
    "Checked sentences of model answers by verdict: supported or unsupported by the passages, or nothing claimed.",
    ["verdict"],
)
SENTENCES_BY_VECTORS = Counter(
    "rag_answer_sentences_by_vectors_total", "Checked sentences whose words did not decide, so that vectors did."
)
PROMPT_INFO = Gauge("rag_prompt_info", "1 for each loaded prompt version.", ["name", "version", "hash"])
PROMPT_ANSWERS = Counter(
    "rag_prompt_answers_total", "Model answers: cited, uncited or failed.", ["name", "version", "outcome"]
)
JUDGE_VERDICTS = Counter("rag_judge_verdicts_total", "Verdicts on live answers.", ["rubric", "verdict", "prompt"])
JUDGE_SCORE = Histogram("rag_judge_score", "Scores of live answers.", ["rubric"], buckets=(0, 0.25, 0.5, 0.75, 1))
JUDGE_FAILURES = Counter("rag_judge_failures_total", "Verdicts that failed or were unreadable.", ["rubric", "reason"])
JUDGE_DROPPED = Counter("rag_judge_dropped_total", "Sampled answers not judged: full or stopped.", ["reason"])
JUDGE_KAPPA = Gauge(
    "rag_judge_kappa", "Cohen's kappa of judge and people. Absent without a calibration.", ["rubric", "data"]
)
TOKENS = Counter("rag_tokens_total", "Tokens counted by the model server.", ["kind", "model"])
TOKEN_KINDS = ("prompt", "completion")
WORKER_STATE = Gauge(
    "rag_worker_state",
    "1 for the current state of the inbox's workers, else 0: working, waiting, starting, down, unknown.",
    ["state"],
)
WORKER_RESTARTS = Counter("rag_worker_restarts_total", "Restarts of the worker that the service runs as its child.")

FOLLOW_UPS = Counter(
    "rag_follow_ups_total",
    "Questions of a conversation by how they were rewritten: model, words of earlier questions, unchanged. failed and "
    "rejected: the model wrote nothing, or dropped words of the question, so words were used.",
    ["outcome"],
)

CONVERSATION_TURNS = Counter(
    "rag_conversation_turns_total",
    "Answers in conversations. lost: the shared state failed, and the conversation lacks the answer.",
    ["outcome"],
)
FEEDBACK = Counter("rag_feedback_total", "Feedback on answers by rating and writing mode.", ["rating", "mode"])

_STAGES = (
    *("rewrite", "plan", "embed", "search", "rerank", "grade", "quote", "prompt"),
    *("first_token", "generate"),
)
_FAILURE_LABELS = {"embed": "embed", "search": "search", "first_token": "write", "generate": "write"}
ANSWER_STAGES = StageMetrics(
    durations={stage: STAGE_DURATION.labels(stage) for stage in _STAGES},
    failures={stage: STAGE_FAILURES.labels(label) for stage, label in _FAILURE_LABELS.items()},
)
CHECK_DURATION = STAGE_DURATION.labels("check")
"""The check of one answer's sentences. It is a part of the stage generate."""
SENTENCES_THAT_ARE = {verdict: SENTENCES.labels(verdict) for verdict in ("supported", "unsupported", "nothing")}
OUTCOMES = ("ok", "overloaded", "invalid", "error", "abandoned", "cancelled")
RERANKS_BY = {extent: RERANKS.labels(extent) for extent in ("full", "partial", "skipped", "failed")}
GENERATIONS_THAT = {outcome: GENERATIONS.labels(outcome) for outcome in ("ok", "failed", "overloaded", "left")}
_MODES = ("quote", "checked", "generate", "agentic")
AGENT_ANSWERS_BY = {
    end: AGENT_ANSWERS.labels(end)
    for end in (
        *("answered", "no_evidence", "declined", "withheld", "steps", "tokens", "seconds", "direct"),
        *("failed", "left"),
    )
}
for step in ("plan", "search", "grade", "reword", "write", "verify", "repair", "stop"):
    for status in ("done", "failed"):
        AGENT_STEPS.labels(step, status)
FOLLOW_UPS_BY = {way: FOLLOW_UPS.labels(way) for way in ("model", "words", "unchanged", "failed", "rejected")}
CONVERSATION_TURNS_BY = {outcome: CONVERSATION_TURNS.labels(outcome) for outcome in ("kept", "lost")}
PROMPT_OUTCOMES = ("cited", "uncited", "failed")
ANSWERS_BY = {mode: ANSWERS.labels(mode) for mode in (*_MODES, "declined")}
CITED_ANSWERS_BY = {mode: CITED_ANSWERS.labels(mode) for mode in _MODES}
WORKER_STATES = {state: WORKER_STATE.labels(state) for state in ("working", "waiting", "starting", "down", "unknown")}
for mode in _MODES:
    for rating in ("up", "down"):
        FEEDBACK.labels(rating, mode)
for reason in ("full", "stopped"):
    JUDGE_DROPPED.labels(reason)

# Drift (ADR 28): the bins are the deciles of the reference. One query can therefore compute PSI over any period.
DRIFT_OBSERVATIONS = Counter(
    "rag_drift_observations_total", "Questions by feature and bin of its value.", ["feature", "bin", "reference"]
)
DRIFT_REFERENCE_RATIO = Gauge(
    "rag_drift_reference_ratio", "Share of the reference's questions in this bin.", ["feature", "bin", "reference"]
)
DRIFT_REFERENCE_QUESTIONS = Gauge(
    "rag_drift_reference_questions", "Questions of the reference with this feature.", ["feature", "reference"]
)
DRIFT_REFERENCE_REFUSED = Gauge(
    "rag_drift_reference_refused", "1 if there is a reference that cannot be used, so that drift is not measured."
)
DRIFT_REFERENCE_TIMESTAMP = Gauge(
    "rag_drift_reference_timestamp_seconds", "Unix time at which the reference was built.", ["reference"]
)


def declare_prompt(name: str, version: str) -> None:
    """Create the counters of a prompt version at 0. PromQL would not see the increase of one that first appears."""
    for outcome in PROMPT_OUTCOMES:
        PROMPT_ANSWERS.labels(name, version, outcome)
