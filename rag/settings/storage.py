"""Settings of the vector store, the inbox and the shared state."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, HttpUrl, RedisDsn, SecretStr, Tag, ValidationInfo, field_validator

from rag.settings.base import ExpandedPath, Part, kind_or

# The port of Qdrant's own gRPC interface.
_GRPC_PORT = 6334


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
    more copies later. With a higher value the first worker waits for more nodes. 1 disables the check.
    """
    timeout: int = Field(10, ge=1)
    """Seconds before a call to the Qdrant server fails. A higher value tolerates a slower server."""

    @field_validator("url")
    @classmethod
    def _require_server(cls, url: HttpUrl) -> HttpUrl:
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("It may have a host, a port and a path. Set a key in RAG_STORE__API_KEY.")
        if url.port == _GRPC_PORT:
            raise ValueError(
                f"Port {_GRPC_PORT} is for gRPC and belongs in RAG_STORE__GRPC_PORT. "
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


class RedisSettings(Part):
    """A server with Redis or Valkey."""

    url: RedisDsn
    """URL of the server, such as redis://127.0.0.1:6379/0, or rediss:// for TLS."""
    password: SecretStr | None = None
    """Password of the server. Unset: the password in the URL, if any."""
    prefix: str = Field("groundwork", pattern=r"^[\w.-]+$")
    """Prefix of all Redis keys. Installations that share a server need different prefixes."""


class FolderInboxSettings(Part):
    """A folder in the data directory, for one machine."""

    kind: Literal["folder"] = "folder"


class RedisInboxSettings(RedisSettings):
    """Redis or Valkey, 7 or newer, with the append-only file enabled."""

    kind: Literal["redis"]
    claim_seconds: float = Field(30.0, gt=0)
    """Seconds without a heartbeat after which a worker loses its entries to other workers. A higher value tolerates
    longer pauses and recovers later from a crash.
    """


class SqliteStateSettings(Part):
    """An SQLite file in the data directory, for all processes of one machine."""

    kind: Literal["sqlite"] = "sqlite"


class RedisStateSettings(RedisSettings):
    """Redis or Valkey, 7 or newer, for replicas on several machines. Use another server than that of the inbox."""

    kind: Literal["redis"]


StoreSettings = Annotated[
    Annotated[EdgeStoreSettings, Tag("edge")] | Annotated[ServerStoreSettings, Tag("server")], kind_or("edge")
]
InboxSettings = Annotated[
    Annotated[FolderInboxSettings, Tag("folder")] | Annotated[RedisInboxSettings, Tag("redis")], kind_or("folder")
]
StateSettings = Annotated[
    Annotated[SqliteStateSettings, Tag("sqlite")] | Annotated[RedisStateSettings, Tag("redis")], kind_or("sqlite")
]
