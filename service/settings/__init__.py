"""Settings of `python -m service`, in addition to those that it shares with the ingest worker."""

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, SecretStr

from rag.settings import ExpandedPath, KernelSettings, ListenAddress, Part
from service.settings.addresses import Hosts, Origins, PathPrefix
from service.settings.answering import (
    AgentSettings,
    AnsweringSettings,
    ConversationSettings,
    ExplanationSettings,
    FeedbackSettings,
    Mode,
    PromptSettings,
    RetrievalSettings,
    Support,
)
from service.settings.models import (
    PACKAGED_MODEL,
    EmbeddedGeneratorSettings,
    EndpointRerankerSettings,
    GeneratorSettings,
    JudgeSettings,
    LocalRerankerSettings,
    NoGeneratorSettings,
    NoRerankerSettings,
    OpenAIGeneratorSettings,
    RerankerSettings,
)

# Other modules import settings from here, and need not know which file declares them.
__all__ = [
    "PACKAGED_MODEL",
    "AgentSettings",
    "AnsweringSettings",
    "ConversationSettings",
    "DriftSettings",
    "EmbeddedGeneratorSettings",
    "EndpointRerankerSettings",
    "ExplanationSettings",
    "FeedbackSettings",
    "GeneratorSettings",
    "JudgeSettings",
    "LocalRerankerSettings",
    "McpSettings",
    "MlflowSettings",
    "Mode",
    "NoGeneratorSettings",
    "NoRerankerSettings",
    "OpenAIGeneratorSettings",
    "PromptSettings",
    "RerankerSettings",
    "RetrievalSettings",
    "Settings",
    "Support",
]


class DriftSettings(Part):
    """The reference that live questions are compared with, and the sample of them that is stored."""

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
    """API key of the service. Unset: no key is sent, which works only while the service has no keys."""
    port: int = Field(8765, ge=1, le=65535)
    """Port of `python -m service.mcp --http` on 127.0.0.1."""


class Settings(KernelSettings):
    """Settings of `python -m service`."""

    host: ListenAddress = "127.0.0.1"
    """Address to listen on. Any address other than loopback needs API keys."""
    port: int = Field(8000, ge=0, le=65535)
    """Port to listen on. 0 lets the system choose a free port."""
    root_path: PathPrefix = ""
    """Path prefix under which a proxy serves this service, such as /groundwork.
    The proxy may remove the prefix or pass it on. Unset: no prefix.
    """
    allowed_hosts: Hosts = ()
    """Host names that the service answers to, separated by commas. *.example.org allows every subdomain, * every name.
    Unset: the names of this machine if RAG_HOST is loopback, otherwise every name.
    """
    cors_origins: Origins = ()
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
    """Longest question in characters. Longer ones are rejected with 400, and bodies above 100,000 bytes with 413."""
    keys_path: ExpandedPath | None = None
    """File with the API keys. Unset: keys.json in the data directory."""
    keep_alive_seconds: int = Field(75, ge=1)
    """Seconds before an idle connection is closed. Keep it above the load balancer's idle timeout."""
    drain_delay_seconds: int = Field(0, ge=0)
    """Seconds after SIGTERM during which /readyz fails and other requests are still answered, until the load balancer
    notices. 0 disables the delay.
    """
    drain_seconds: int = Field(30, ge=0)
    """Seconds that running requests get to finish before the service stops. Then they end with an error. 0 ends them
    at once. Ctrl-C ends them after one second.
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
