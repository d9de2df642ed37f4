"""Settings that service and worker share. Each program adds its own to `KernelSettings`.

They come from environment variables with the prefix `RAG_`, nested with `__`, or from the same names in `.env`.
"""

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, HttpUrl, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from rag.errors import Misconfigured
from rag.settings.base import ExpandedPath, ListenAddress, Part, kind_or, to_bare_address
from rag.settings.embedder import EmbedderSettings, LocalEmbedderSettings, OpenAIEmbedderSettings
from rag.settings.storage import (
    EdgeStoreSettings,
    FolderInboxSettings,
    InboxSettings,
    RedisInboxSettings,
    RedisSettings,
    RedisStateSettings,
    ServerStoreSettings,
    SqliteStateSettings,
    StateSettings,
    StoreSettings,
)
from rag.variables import DELIMITER, ENV_FILE, ENV_FILE_ENCODING, PREFIX, describe, find_faults

# Other modules import settings from here, and need not know which file declares them.
__all__ = [
    "EdgeStoreSettings",
    "EmbedderSettings",
    "ExpandedPath",
    "FolderInboxSettings",
    "InboxSettings",
    "KernelSettings",
    "ListenAddress",
    "LocalEmbedderSettings",
    "LogSettings",
    "OpenAIEmbedderSettings",
    "Part",
    "RedisInboxSettings",
    "RedisSettings",
    "RedisStateSettings",
    "ServerStoreSettings",
    "SqliteStateSettings",
    "StateSettings",
    "StoreSettings",
    "TimeoutSettings",
    "TracingSettings",
    "kind_or",
    "read_log_settings",
    "read_settings",
    "to_bare_address",
]


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


class LogSettings(BaseSettings):
    """Level and format of the log. They are read first, so that invalid settings are reported in this format."""

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
    """Lowest level that is logged. A higher level logs less. Libraries log warnings and errors only."""


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
