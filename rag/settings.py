"""Settings that service and worker share. Each program adds its own to `KernelSettings`.

They come from environment variables with the prefix `RAG_`, nested with `__`, or from the same names in `.env`.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    RedisDsn,
    SecretStr,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from rag.errors import Misconfigured
from rag.variables import DELIMITER, ENV_FILE, ENV_FILE_ENCODING, PREFIX, describe, find_faults


def _expand_home(path: Path) -> Path:
    """Expand `~`, which no shell has expanded in `.env`."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path} names the home folder of an unknown user. Set an absolute path.") from error


ExpandedPath = Annotated[Path, AfterValidator(_expand_home)]
"""A path that may begin with `~`."""


def to_bare_address(text: str) -> str:
    """Remove the brackets of an IPv6 address, which URLs need and sockets do not take."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


ListenAddress = Annotated[str, AfterValidator(to_bare_address)]
"""An address of this machine, such as 127.0.0.1, ::1 or [::1]."""


# The port of Qdrant's own gRPC interface.
_GRPC_PORT = 6334


class Part(BaseModel):
    """A frozen group of settings that rejects unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class LocalEmbedderSettings(Part):
    """A sentence-transformers model that runs in this process."""

    kind: Literal["local"] = "local"
    model: str = "all-MiniLM-L6-v2"
    """Name of the packaged model, path of a model directory, or id of a model on the Hugging Face Hub."""
    sha256: str | None = None
    """SHA-256 that model.safetensors must have. Unset: not checked, except for the packaged model."""
    runtime: Literal["auto", "onnx", "torch"] = "auto"
    """Library that runs the model. auto: ONNX Runtime if `python -m ingest export` has run, otherwise torch."""
    threads: int = Field(1, ge=1)
    """Threads per inference. More threads embed long batches faster and single questions more slowly."""


class OpenAIEmbedderSettings(Part):
    """A server with OpenAI's `/v1/embeddings`, such as TEI, Infinity or vLLM."""

    kind: Literal["openai"]
    url: HttpUrl
    """Base URL of the server, such as http://127.0.0.1:8080/v1."""
    model: str
    """Name of the model on the server."""
    api_key: SecretStr | None = None
    """API key, sent as a bearer token. Unset: no key is sent."""
    dimension: int = Field(ge=1)
    """Length of the model's vectors. It must be the length that the server returns."""
    max_tokens: int = Field(256, ge=16)
    """Longest text of the model in tokens, with special tokens. A higher value gives longer passages."""
    tokenizer: str = "all-MiniLM-L6-v2"
    """Model whose tokenizer.json measures passages. It should be the tokenizer of the server's model."""
    batch_size: int = Field(32, ge=1)
    """Texts in one request. A higher value needs fewer requests and more memory on the server."""
    concurrency: int = Field(4, ge=1)
    """Concurrent requests and connections of one process. A higher value keeps a larger server busy."""


class EdgeStoreSettings(Part):
    """Qdrant's engine, which runs in this process."""

    kind: Literal["edge"] = "edge"

    @property
    def collection(self) -> str:
        """Name of the only collection in traces."""
        return "groundwork"


class ServerStoreSettings(Part):
    """A Qdrant server or cluster."""

    kind: Literal["server"]
    url: HttpUrl
    """Base URL of the Qdrant server, such as http://127.0.0.1:6333. If the host name has several addresses, each is a
    node, and calls are spread over all nodes.
    """
    transport: Literal["grpc", "rest"] = Field("grpc", validate_default=True)
    """Protocol of the calls. grpc is faster and needs `RAG_STORE__GRPC_PORT`. rest uses the port and the path of
    `RAG_STORE__URL`, so that it also works behind an HTTP ingress.
    """
    grpc_port: int = _GRPC_PORT
    """Port of the server's gRPC interface."""
    ca_file: ExpandedPath | None = None
    """PEM file with the certificates of the authorities that may sign the server's certificate. Unset: those of this
    machine.
    """
    api_key: SecretStr | None = None
    """API key of the Qdrant server, or a token. Unset: no key is sent. A service needs the right to read, a worker the
    right to write.
    """
    collection: str = "groundwork"
    """Name of the alias that points to the current collection."""
    nodes: int = Field(1, ge=1)
    """Nodes of the Qdrant cluster that must have joined before a collection is created, because a collection never gets
    more copies later. A higher value lets a first worker wait for more nodes. 1 does not look at the cluster.
    """
    timeout: int = Field(10, ge=1)
    """Seconds before a call to the Qdrant server fails. A higher value tolerates a slower server."""

    @field_validator("url")
    @classmethod
    def _require_server(cls, url: HttpUrl) -> HttpUrl:
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("It may have a host, a port and a path. A key belongs into RAG_STORE__API_KEY.")
        if url.port == _GRPC_PORT:
            raise ValueError(
                f"Port {_GRPC_PORT} is for gRPC and belongs into RAG_STORE__GRPC_PORT. "
                f"Name the port of the REST interface, usually {_GRPC_PORT - 1}."
            )
        return url

    @field_validator("transport")
    @classmethod
    def _require_path_for_rest(cls, transport: str, others: ValidationInfo) -> str:
        path = url.path if (url := others.data.get("url")) else None
        if transport == "grpc" and path not in {None, "/"}:
            raise ValueError(f"grpc cannot use the path {path} of RAG_STORE__URL. Remove the path, or set rest.")
        return transport

    @field_validator("ca_file")
    @classmethod
    def _require_tls(cls, ca_file: Path | None, others: ValidationInfo) -> Path | None:
        url = others.data.get("url")
        if ca_file and url and url.scheme != "https":
            raise ValueError("It needs TLS. Set RAG_STORE__URL to an address that begins with https://.")
        return ca_file


class FolderInboxSettings(Part):
    """A folder in the data directory, for one machine."""

    kind: Literal["folder"] = "folder"


class RedisInboxSettings(Part):
    """Redis or Valkey, 7 or newer, with the append-only file enabled."""

    kind: Literal["redis"]
    url: RedisDsn
    """URL of the server, such as redis://127.0.0.1:6379/0, or rediss:// for TLS."""
    password: SecretStr | None = None
    """Password of the server. Unset: the password in the URL, if any."""
    prefix: str = Field("groundwork", pattern=r"^[\w.-]+$")
    """Prefix of all Redis keys. Installations that share a server need different prefixes."""
    claim_seconds: float = Field(30.0, gt=0)
    """Seconds without a heartbeat after which a worker loses its entries to other workers. A higher value tolerates
    longer pauses and recovers later from a crash.
    """


class SqliteStateSettings(Part):
    """An SQLite file in the data directory, for all processes of one machine."""

    kind: Literal["sqlite"] = "sqlite"


class RedisStateSettings(Part):
    """Redis or Valkey, 7 or newer, for replicas on several machines. Use another server than that of the inbox."""

    kind: Literal["redis"]
    url: RedisDsn
    """URL of the server, such as redis://127.0.0.1:6379/0, or rediss:// for TLS."""
    password: SecretStr | None = None
    """Password of the server. Unset: the password in the URL, if any."""
    prefix: str = Field("groundwork", pattern=r"^[\w.-]+$")
    """Prefix of all Redis keys. Installations that share a server need different prefixes."""


class TimeoutSettings(Part):
    """Time limits of every outgoing HTTP call."""

    connect: float = Field(3.0, gt=0)
    """Seconds to open a connection. A higher value tolerates a slower network."""
    read: float = Field(30.0, gt=0)
    """Seconds without new data before a response fails. A higher value tolerates a slower server."""


class TracingSettings(Part):
    """Export of traces to an OpenTelemetry collector.

    OpenTelemetry's own variables (`OTEL_…`) set everything else, such as headers, certificates and the service's name.
    """

    endpoint: HttpUrl | None = None
    """Base URL of an OTLP/HTTP collector, such as http://127.0.0.1:4318. Unset: the URL in OTEL_EXPORTER_OTLP_ENDPOINT.
    Without either, traces are disabled.
    """
    sample: float = Field(0.1, ge=0, le=1)
    """Share of traces to record, 0 to 1, if the caller has not decided by `traceparent`. 0 records nothing, whatever a
    caller asks for. Unset: the sampler in OTEL_TRACES_SAMPLER, if any.
    """
    content: bool = False
    """Record questions, passages, prompts and answers in spans."""
    openinference: bool = False
    """Add OpenInference attributes to spans, for tools such as Phoenix."""


def kind_or(default: str) -> Discriminator:
    """Return a discriminator on `kind`, which may be omitted for the default alternative."""

    def kind(value: Any) -> str:
        chosen: str = value.get("kind", default) if isinstance(value, dict) else value.kind
        return chosen

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
StateSettings = Annotated[
    Annotated[SqliteStateSettings, Tag("sqlite")] | Annotated[RedisStateSettings, Tag("redis")], kind_or("sqlite")
]


class LogSettings(BaseSettings):
    """What is logged, and how. These settings are read first, so that invalid other settings are reported by them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_file=ENV_FILE,
        env_file_encoding=ENV_FILE_ENCODING,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    log_format: Literal["auto", "console", "json"] = "auto"
    """Format of every line on standard error. auto: console on a terminal and for commands, otherwise json."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged. A higher level logs less. Records of libraries are logged from warning."""


class KernelSettings(LogSettings):
    """Settings that service and worker must agree on."""

    data_dir: ExpandedPath = Path(".data")
    """Folder of everything that is stored: the embedded collection, the inbox, keys, models."""
    models_path: ExpandedPath | None = None
    """Folder of exported models. Unset: the folder models in RAG_DATA_DIR."""
    embedder: EmbedderSettings = LocalEmbedderSettings()
    """Embedder: the model that turns text into vectors."""
    store: StoreSettings = EdgeStoreSettings()
    """Vector store that holds the collection."""
    inbox: InboxSettings = FolderInboxSettings()
    """Queue of documents between service and workers."""
    state: StateSettings = SqliteStateSettings()
    """Shared state of all processes of the service, such as conversations and feedback."""
    http: TimeoutSettings = TimeoutSettings()
    """Time limits of outgoing HTTP calls."""
    tracing: TracingSettings = TracingSettings()
    """Export of traces."""
    max_document_bytes: int = Field(50_000_000, gt=0)
    """Largest document in bytes. Larger documents are rejected."""

    @property
    def store_dir(self) -> Path:
        return self.data_dir / "store"

    @property
    def inbox_dir(self) -> Path:
        return self.data_dir / "inbox"

    @property
    def state_file(self) -> Path:
        """The file of the shared state, if it is not in Redis."""
        return self.data_dir / "state" / "state.sqlite"

    @property
    def models_dir(self) -> Path:
        return self.models_path or self.data_dir / "models"


S = TypeVar("S", bound=KernelSettings)


def read_log_settings() -> LogSettings:
    """Return the settings of the log. Invalid ones have their defaults, and `read_settings` reports them."""
    try:
        return LogSettings()
    except ValidationError as error:
        invalid = {str(fault["loc"][0]) for fault in error.errors()}
        return LogSettings(**{name: LogSettings.model_fields[name].default for name in invalid})
    except (OSError, ValueError):  # For example a `.env` that is a folder, or not UTF-8.
        return LogSettings.model_construct()


def read_settings(kind: type[S]) -> S:
    """Read the environment and `.env`; raises `Misconfigured` with a sentence for each wrong name and value."""
    faults = list(find_faults(kind))
    if not faults:
        try:
            return kind()
        except ValidationError as error:
            faults = [describe(fault, kind) for fault in error.errors()]
        except SettingsError as error:  # A list that is not JSON.
            faults = [f"{error}."]
    raise Misconfigured(f"Invalid settings: {' '.join(faults)} docs/reference/settings.md lists all settings.")
