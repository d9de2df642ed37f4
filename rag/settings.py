"""The settings that both applications read; each application adds its own to `KernelSettings`.

Environment variables with the prefix `RAG_`, nested with `__`, or the same names in `.env`.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, HttpUrl, RedisDsn, SecretStr, Tag, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from rag.errors import Misconfigured


class Part(BaseModel):
    """One nested group of settings: frozen, and a name that does not exist is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LocalEmbedderSettings(Part):
    """A sentence-transformers model in this process."""

    kind: Literal["local"] = "local"
    model: str = Field("all-MiniLM-L6-v2", description="The packaged model, a model directory, or a hub id.")
    sha256: str | None = Field(None, description="Expected hash of model.safetensors; the packaged model has its own.")
    runtime: Literal["auto", "onnx", "torch"] = Field(
        "auto", description="auto: the ONNX form where `python -m ingest export` has made it, else torch."
    )
    threads: int = Field(1, ge=1, description="Inference threads; a second one slows single questions down.")


class OpenAIEmbedderSettings(Part):
    """Any server with OpenAI's `/v1/embeddings`: TEI, Infinity, vLLM."""

    kind: Literal["openai"]
    url: HttpUrl = Field(description="Base URL, such as http://127.0.0.1:8080/v1.")
    model: str = Field(description="The model's name at that server.")
    api_key: SecretStr | None = Field(None, description="Sent as a bearer token.")
    dimension: int = Field(ge=1, description="Length of its vectors.")
    max_tokens: int = Field(256, ge=16, description="Its longest text, special tokens included.")
    tokenizer: str = Field(
        "all-MiniLM-L6-v2", description="Model whose tokenizer.json measures chunks: best the server's own."
    )
    batch_size: int = Field(32, ge=1, description="Texts in one request.")
    concurrency: int = Field(4, ge=1, description="Requests at once while documents are taken in.")


class EdgeStoreSettings(Part):
    """Qdrant's engine in this process."""

    kind: Literal["edge"] = "edge"

    @property
    def collection(self) -> str:
        """What traces call it: there is only one."""
        return "groundwork"


class ServerStoreSettings(Part):
    """A Qdrant server or cluster."""

    kind: Literal["server"]
    url: HttpUrl = Field(description="Base URL, such as http://127.0.0.1:6333.")
    grpc_port: int = Field(6334, description="Port of its gRPC interface.")
    api_key: SecretStr | None = Field(None, description="Its API key.")
    collection: str = Field("groundwork", description="Name of the collection.")
    timeout: int = Field(10, ge=1, description="Seconds for one call.")


class FolderInboxSettings(Part):
    """A folder in the data directory: one machine."""

    kind: Literal["folder"] = "folder"


class RedisInboxSettings(Part):
    """Redis or Valkey, 7 or newer, with its append-only file on."""

    kind: Literal["redis"]
    url: RedisDsn = Field(description="Such as redis://127.0.0.1:6379/0, or rediss:// for TLS.")
    password: SecretStr | None = Field(None, description="Its password, where the URL should not hold it.")
    prefix: str = Field("groundwork", pattern=r"^[\w.-]+$", description="Of its keys: one for each installation.")
    claim_seconds: float = Field(30.0, gt=0, description="A worker unheard of for so long loses its entries to others.")


class TimeoutSettings(Part):
    """Phases of every outgoing HTTP call, in seconds."""

    connect: float = Field(3.0, gt=0, description="Seconds to open a connection.")
    read: float = Field(30.0, gt=0, description="Seconds between two pieces of an answer.")


class TracingSettings(Part):
    """Traces, to an OpenTelemetry collector; its own `OTEL_…` variables say headers, certificates and resources."""

    endpoint: HttpUrl | None = Field(
        None, description="Base URL of an OTLP/HTTP collector, such as http://127.0.0.1:4318; unset: no traces."
    )
    sample: float = Field(0.1, ge=0, le=1, description="Share of traces recorded, where no caller has decided.")
    content: bool = Field(False, description="Questions, passages, prompts and answers in spans.")
    openinference: bool = Field(False, description="OpenInference's attributes too, for Phoenix and the like.")


def kind_or(default: str) -> Discriminator:
    """Alternatives are told apart by `kind`; whoever sets another field of the default need not repeat it."""

    def kind(value: Any) -> str:
        found: str = value.get("kind", default) if isinstance(value, dict) else value.kind
        return found

    return Discriminator(kind)


EmbedderSettings = Annotated[
    Annotated[LocalEmbedderSettings, Tag("local")] | Annotated[OpenAIEmbedderSettings, Tag("openai")],
    kind_or("local"),
]
StoreSettings = Annotated[
    Annotated[EdgeStoreSettings, Tag("edge")] | Annotated[ServerStoreSettings, Tag("server")], kind_or("edge")
]
InboxSettings = Annotated[
    Annotated[FolderInboxSettings, Tag("folder")] | Annotated[RedisInboxSettings, Tag("redis")], kind_or("folder")
]


class KernelSettings(BaseSettings):
    """What writer and reader must agree on."""

    model_config = SettingsConfigDict(
        env_prefix="RAG_", env_nested_delimiter="__", env_file=".env", extra="ignore", frozen=True
    )

    data_dir: Path = Field(Path(".data"), description="Everything this installation keeps.")
    models_path: Path | None = Field(
        None, description="Where exported models lie; unset: models in the data directory."
    )
    embedder: EmbedderSettings = Field(LocalEmbedderSettings(), description="Text to vectors.")
    store: StoreSettings = Field(EdgeStoreSettings(), description="Where chunks live.")
    inbox: InboxSettings = Field(FolderInboxSettings(), description="The queue between service and workers.")
    http: TimeoutSettings = Field(TimeoutSettings(), description="Outgoing calls.")
    tracing: TracingSettings = Field(TracingSettings(), description="Traces.")
    max_document_bytes: int = Field(50_000_000, gt=0, description="Larger documents are rejected.")
    log_format: Literal["auto", "console", "json"] = Field("auto", description="auto: console on a terminal.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least level logged.")

    @property
    def store_dir(self) -> Path:
        """Where the embedded store keeps its revisions."""
        return self.data_dir / "store"

    @property
    def inbox_dir(self) -> Path:
        """Where the folder inbox keeps its entries."""
        return self.data_dir / "inbox"

    @property
    def models_dir(self) -> Path:
        """Where exported models lie."""
        return self.models_path or self.data_dir / "models"


S = TypeVar("S", bound=KernelSettings)


def read_settings(kind: type[S]) -> S:
    """Reads the environment once; `Misconfigured` names each variable that does not fit and why."""
    try:
        return kind()
    except ValidationError as error:
        faults = "; ".join(f"{variable_of(fault['loc'])}: {fault['msg']}" for fault in error.errors())
        raise Misconfigured(f"These settings do not fit: {faults}") from error


def variable_of(location: tuple[int | str, ...]) -> str:
    """The environment variable for a place in the settings; the kind that pydantic puts in second place is left out."""
    path = location if len(location) < 3 else (location[0], *location[2:])
    return "RAG_" + "__".join(str(part).upper() for part in path)
