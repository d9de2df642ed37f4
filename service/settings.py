"""Settings of `python -m service`, in addition to those that it shares with the ingest worker."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, Json, SecretStr, Tag
from pydantic_settings import NoDecode

from rag.settings import ExpandedPath, KernelSettings, ListenAddress, Part, kind_or

PACKAGED_MODEL = "SmolLM2-135M-Instruct"


class EmbeddedGeneratorSettings(Part):
    """llama.cpp in this process; the service calls its OpenAI-compatible server over loopback."""

    kind: Literal["embedded"] = "embedded"
    model: str = PACKAGED_MODEL
    """Name of the packaged model, or the path of a .gguf file."""
    slots: int = Field(4, ge=1)
    """Answers generated in parallel. Each slot needs its own memory; further answers queue."""
    context_tokens: int = Field(2048, ge=256)
    """Context of one slot in tokens: prompt plus answer. A higher value needs more memory."""
    threads: int | None = Field(None, ge=1)
    """Threads that llama.cpp computes with. Unset: half of the processor cores."""


class NoGeneratorSettings(Part):
    """No language model: answers quote the documents, and the modes that need a model are refused."""

    kind: Literal["none"]
    model: Literal["none"] = "none"
    """Name in evaluations and logs."""


class OpenAIGeneratorSettings(Part):
    """Any server with OpenAI's `/v1/chat/completions`: Ollama, vLLM, OpenAI, Azure OpenAI."""

    kind: Literal["openai"]
    url: HttpUrl
    """Base URL, such as http://127.0.0.1:8080/v1. docs/guides/own-model.md has those of usual servers."""
    model: str
    """Model name that the server expects. On Azure: the name of the deployment."""
    api_key: SecretStr | None = None
    """API key, sent as a bearer token, or in the header api-key if the URL has Azure's api-version. Unset: no
    authentication.
    """
    concurrency: int = Field(64, ge=1)
    """Parallel requests and connections to the server. Further answers queue."""
    extra: Json[dict[str, Any]] = Field({})
    """JSON object that is merged into each request body, such as `{"reasoning_effort": "low"}`.
    Its nulls remove fields.
    """


GeneratorSettings = Annotated[
    Annotated[EmbeddedGeneratorSettings, Tag("embedded")]
    | Annotated[OpenAIGeneratorSettings, Tag("openai")]
    | Annotated[NoGeneratorSettings, Tag("none")],
    kind_or("embedded"),
]


class RetrievalSettings(Part):
    """How many passages an answer uses and how close to the question they must be."""

    limit: int = Field(5, ge=1, le=50)
    """Passages for one answer. The modes that quote read all candidates of the search."""
    min_similarity: float = Field(0.28, ge=-1, le=1)
    """Lowest relevance of the best passage: its cosine, adjusted by up to 0.1 for shared words. Below it the answer is
    declined. A higher value declines more questions; -1 answers every question.
    """
    feedback: float = Field(0.2, ge=0, le=1)
    """Rocchio feedback weight: pull of the top hit on the query of a second dense search. 0 disables that search."""
    smoothing: float = Field(0.2, ge=0, lt=1)
    """Share of a score that comes from the two most similar candidates, which favours agreement. 0 disables it."""
    per_document: int | None = Field(None, ge=1)
    """Passages from one document before passages from other documents are preferred. Unset: no limit."""
    duplicate_overlap: float = Field(0.9, gt=0, le=1)
    """Jaccard overlap of five-word runs in duplicates. Lower values remove more; 1 only identical wording."""
    expand_to_tokens: int = Field(1500, ge=0)
    """Tokens up to which the modes generate and agentic add neighbouring passages. 0 disables expansion."""


class NoRerankerSettings(Part):
    """No reranking: candidates keep the order of the search."""

    kind: Literal["none"] = "none"


class LocalRerankerSettings(Part):
    """A cross-encoder in this process."""

    kind: Literal["local"]
    model: str
    """A model directory or a hub id, such as cross-encoder/ms-marco-MiniLM-L6-v2."""
    runtime: Literal["auto", "onnx", "torch"] = "auto"
    """Inference runtime. auto uses ONNX Runtime if the model has an ONNX form, otherwise torch."""
    threads: int = Field(1, ge=1)
    """Inference threads. More are faster only on idle cores."""
    candidates: int = Field(30, ge=1, le=200)
    """Candidates that the reranker scores for one question. A higher value finds more and takes longer."""


class EndpointRerankerSettings(Part):
    """Any server with a `/rerank` endpoint: TEI, Infinity, vLLM, Cohere."""

    kind: Literal["endpoint"]
    url: HttpUrl
    """Base URL without /rerank, such as http://127.0.0.1:7997."""
    model: str
    """Model name that the server expects."""
    shape: Literal["cohere", "tei"] = "cohere"
    """Request format. Infinity, vLLM and Jina use the format of Cohere."""
    api_key: SecretStr | None = None
    """API key, sent as a bearer token. Unset: no authentication."""
    concurrency: int = Field(16, ge=1)
    """Parallel requests and connections to the server. Further questions queue."""
    candidates: int = Field(30, ge=1, le=200)
    """Candidates that the reranker scores for one question. A higher value finds more and takes longer."""


RerankerSettings = Annotated[
    Annotated[NoRerankerSettings, Tag("none")]
    | Annotated[LocalRerankerSettings, Tag("local")]
    | Annotated[EndpointRerankerSettings, Tag("endpoint")],
    kind_or("none"),
]

Mode = Literal["quote", "checked", "generate", "agentic"]
"""How an answer is written.

quote      the best sentences of the passages, word for word
checked    sentences of the model that a quote supports, then the quotes
generate   the text of the model
agentic    the text of the model after several searches, with its unsupported sentences left out
"""


class AnsweringSettings(Part):
    """How answers are written and how long they may take."""

    mode: Mode | Literal["auto"] = "auto"
    """quote, checked, generate or agentic. auto selects quote for the packaged model, generate for other models."""
    unsupported: Literal["flag", "withhold"] = "flag"
    """What happens in the mode generate to a sentence that the passages do not support. flag: it is shown and reported.
    withhold: it is left out, each sentence is shown only when it is complete and checked, and a wrong or missing marker
    is replaced by that of the passage that supports the sentence.
    """
    max_tokens: int = Field(384, ge=1)
    """Longest answer of the model in tokens. A higher value allows longer and slower answers."""
    temperature: float = Field(0.0, ge=0, le=2)
    """Sampling temperature. 0 repeats the same answer; a higher value varies more."""
    first_text_seconds: float = Field(2.0, gt=0)
    """Target seconds from the request to the first text. A higher value lets the reranker score more candidates."""
    stream_after_seconds: float = Field(1.0, ge=0)
    """Seconds after which a stream begins with its passages although the model has not written any text yet. A higher
    value reports more failures of the model with a status code, but a proxy may give up. 0 begins at once.
    """
    min_confidence: float = Field(0.5, ge=0, le=1)
    """Lowest probability that a quote answers the question. Below it the modes that quote decline. A higher value
    declines more questions; 0 declines none for this reason.
    """
    waiting: int = Field(64, ge=0)
    """Questions that may queue for the model. Further questions are answered with 429."""


class AgentSettings(Part):
    """Bounds of the mode agentic. If one is reached, the answer is written from what was found."""

    # A plan, three searches with their verdicts, and one of them in other words.
    steps: int = Field(10, ge=1, le=50)
    """Largest number of steps before the answer is written: plan, search, grade and reword. A higher value finds more
    for questions of several parts, and takes longer.
    """
    # Each verdict reads about 800 tokens of passages, a plan and other words about 300.
    tokens: int = Field(6000, ge=0)
    """Tokens that planning, grading and rewording may use together. A repair is tried if some are left. A higher value
    costs more. 0: the model is asked for the answer only.
    """
    seconds: float = Field(30.0, gt=0)
    """Seconds for planning and searching; then the writing begins. A higher value lets a slow model finish its plan."""


class PromptSettings(Part):
    """Which prompt version the model receives, and how many questions try an alternative."""

    registry: Literal["folder", "mlflow"] = "folder"
    """Where prompts are stored: folder or mlflow."""
    folder: ExpandedPath | None = None
    """Folder with your own prompts. Unset: `service/prompts`."""
    version: str = "v1"
    """Version of the prompt `answer`. With mlflow: the version number."""
    alternative: str | None = None
    """Second version of the prompt `answer`, for comparison. Unset: no alternative."""
    percent: float = Field(0.0, ge=0, le=100)
    """Percentage of questions that use the alternative. 0 disables the comparison."""


class ExplanationSettings(Part):
    """How long `GET /v1/answers/{id}/explain` works. The questions and passages stay in memory for it."""

    answers: int = Field(200, ge=0)
    """Latest answers that can be explained. More need more memory; 0 disables explanations."""
    seconds: int = Field(900, ge=0)
    """Seconds for which an answer can be explained. 0 disables it."""


class ConversationSettings(Part):
    """How long the turns of a conversation are kept, and how follow-up questions are rewritten."""

    turns: int = Field(50, ge=1, le=200)
    """Latest turns that are kept of a conversation. A higher value needs more storage."""
    per_tenant: int = Field(1000, ge=1)
    """Conversations that are kept for each tenant. One more removes the one whose last turn is the oldest."""
    days: int = Field(30, ge=1)
    """Days after its last turn in which a conversation is kept. A higher value needs more storage."""
    history_tokens: int = Field(1000, ge=0)
    """Tokens of earlier turns that the model reads to rewrite a follow-up question. A higher value costs more tokens
    and reaches further back. 0: follow-ups are rewritten without the model.
    """


class FeedbackSettings(Part):
    """How long an answer can be rated, and how long its feedback is kept."""

    hours: int = Field(24, ge=0)
    """Hours after an answer in which it can be rated. It is kept for so long with its passages, in the shared state.
    0 disables feedback, and answers are not kept.
    """
    answers: int = Field(1000, ge=1)
    """Latest answers of each tenant that can be rated. A higher value needs more storage."""
    per_tenant: int = Field(10_000, ge=1)
    """Ratings that are kept for each tenant. One more removes the oldest one."""
    days: int = Field(365, ge=1)
    """Days in which feedback is kept. A higher value needs more storage."""


class JudgeSettings(Part):
    """A language model that judges answers in evaluations, and a sample of live answers."""

    url: HttpUrl | None = None
    """Base URL of an OpenAI-compatible server for the judge. Unset: the generator is the judge."""
    model: str | None = None
    """Model name that the server expects. Required with RAG_JUDGE__URL."""
    api_key: SecretStr | None = None
    """API key, sent as a bearer token. Unset: no authentication."""
    extra: Json[dict[str, Any]] = Field({})
    """JSON object that is merged into each request body to RAG_JUDGE__URL. Its nulls remove fields."""
    sample: float = Field(0.0, ge=0, le=1)
    """Share of live answers that the judge reads. 0 disables live judging."""
    concurrency: int = Field(2, ge=1)
    """Answers judged in parallel. A higher value adds load to the model."""
    calibration: ExpandedPath | None = None
    """File with the judge's measured agreement with people. Unset: the one in `service/rubrics`."""


class DriftSettings(Part):
    """What live questions are compared with, and whether a sample of them is stored."""

    reference: ExpandedPath | None = None
    """File from `python -m evals reference`. Unset: drift/reference.npz in the data directory."""
    window: int = Field(0, ge=0)
    """Question vectors stored per day and process, as a random sample without texts. 0 disables the sample."""


class MlflowSettings(Part):
    """An MLflow server that stores prompts and the results of evaluations."""

    uri: HttpUrl | None = None
    """URL of an MLflow server, such as http://127.0.0.1:5000. Unset: MLflow is not used."""
    token: SecretStr | None = None
    """Access token, sent as a bearer token. Unset: no authentication."""
    experiment: str = "groundwork"
    """MLflow experiment that receives the results of evaluations."""


class McpSettings(Part):
    """The service that `python -m service.mcp` calls."""

    url: HttpUrl = HttpUrl("http://127.0.0.1:8000")
    """Base URL of the service, without /v1."""
    api_key: SecretStr | None = None
    """API key of the service. Unset: no key, which works as long as the service has none."""
    port: int = Field(8765, ge=1, le=65535)
    """Port of `python -m service.mcp --http` on 127.0.0.1."""


_OWN_PATHS = frozenset({"v1", "page", "docs", "swagger", "openapi.json", "livez", "readyz", "metrics"})


def _to_prefix(path: str) -> str:
    """Return the path with a slash at its start and none at its end, or an empty string for the root."""
    steps = [step for step in path.split("/") if step]
    if not all(re.fullmatch(r"[\w.~-]+", step, re.ASCII) for step in steps):
        raise ValueError("use a path such as /groundwork, with letters, digits, '.', '_', '~' and '-'")
    if steps and steps[0] in _OWN_PATHS:
        raise ValueError(f"/{steps[0]} is a path of the service itself; choose another prefix")
    return "".join(f"/{step}" for step in steps)


def _split(value: Any) -> Any:
    """Return the names in a variable: separated by commas, or as a JSON array."""
    return [name for name in re.split(r'[\s,"\[\]]+', value) if name] if isinstance(value, str) else value


def _to_hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not re.fullmatch(r"\*|(\*\.)?[\w.-]+|[\da-f:.]+", name, re.IGNORECASE):
            raise ValueError(f"{name} is not a host name; leave out scheme, port and path, as in rag.example.org")
    return tuple(name.lower() for name in names)


def _to_origins(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not re.fullmatch(r"\*|[a-z][a-z\d+.-]*://[^/\s*@]+/?", name, re.IGNORECASE):
            raise ValueError(f"{name} is not an origin; use scheme and host without a path, as in https://example.org")
    return tuple(name.lower().rstrip("/") for name in names)


_Hosts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_to_hosts)]
_Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_to_origins)]


class Settings(KernelSettings):
    """Settings of `python -m service`."""

    host: ListenAddress = "127.0.0.1"
    """Address to listen on. Any address other than loopback needs API keys."""
    port: int = Field(8000, ge=0, le=65535)
    """Port to listen on. 0 lets the system choose a free port."""
    root_path: Annotated[str, AfterValidator(_to_prefix)] = ""
    """Path prefix under which a proxy serves this service, such as /groundwork.
    The proxy may remove the prefix or pass it on. Unset: no prefix.
    """
    allowed_hosts: _Hosts = ()
    """Host names that the service answers to, separated by commas. *.example.org allows every subdomain, * every name.
    Unset: the names of this machine if RAG_HOST is loopback, otherwise every name.
    """
    cors_origins: _Origins = ()
    """Origins whose web pages may call the API, such as https://example.org, separated by commas. * allows every
    origin. Unset: only the service's own page.
    """
    worker: Literal["child", "none"] = "child"
    """child starts an ingest worker as a child process; none expects a worker elsewhere."""
    generator: GeneratorSettings = EmbeddedGeneratorSettings()
    """The model that writes answers."""
    reranker: RerankerSettings = NoRerankerSettings()
    """The model that reorders candidates."""
    retrieval: RetrievalSettings = RetrievalSettings()
    """Selection of passages."""
    answering: AnsweringSettings = AnsweringSettings()
    """Writing of answers."""
    agent: AgentSettings = AgentSettings()
    """The mode agentic."""
    prompt: PromptSettings = PromptSettings()
    """Prompts of the model."""
    explanations: ExplanationSettings = ExplanationSettings()
    """Explanations of answers."""
    conversations: ConversationSettings = ConversationSettings()
    """Conversations and follow-up questions."""
    feedback: FeedbackSettings = FeedbackSettings()
    """Feedback on answers."""
    judge: JudgeSettings = JudgeSettings()
    """The model that judges answers."""
    drift: DriftSettings = DriftSettings()
    """Comparison of live questions with a reference."""
    mlflow: MlflowSettings = MlflowSettings()
    """Registry of prompts and of evaluation results."""
    mcp: McpSettings = McpSettings()
    """Tools of the Model Context Protocol."""
    max_question_chars: int = Field(2000, ge=1)
    """Longest question in characters. Longer questions are rejected with 400."""
    keys_path: ExpandedPath | None = None
    """File with the API keys. Unset: keys.json in the data directory."""
    keep_alive_seconds: int = Field(75, ge=1)
    """Seconds before an idle connection is closed. Keep it above the load balancer's idle timeout."""
    drain_delay_seconds: int = Field(0, ge=0)
    """Seconds after SIGTERM in which only /readyz fails, until the load balancer notices. 0 disables the delay."""
    drain_seconds: int = Field(30, ge=0)
    """Seconds that running requests get to finish before the service stops. Then they end with an error. 0 ends them
    at once, and Ctrl-C after one second.
    """

    @property
    def is_loopback(self) -> bool:
        """True if only programs on this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def keys_file(self) -> Path:
        """The file with the API keys."""
        return self.keys_path or self.data_dir / "keys.json"

    @property
    def drift_reference(self) -> Path:
        """The drift reference. It is valid only for the embedder that made its vectors."""
        return self.drift.reference or self.data_dir / "drift" / "reference.npz"

    @property
    def drift_windows(self) -> Path:
        """The folder with samples of question vectors: one file for each day and process."""
        return self.data_dir / "drift" / "windows"
