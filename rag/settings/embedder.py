"""Settings of the embedder."""

from typing import Annotated, Literal

from pydantic import Field, HttpUrl, SecretStr, Tag

from rag.settings.base import Part, kind_or


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
    """Longest text that the model reads, in tokens, special tokens included. A higher value gives longer passages."""
    tokenizer: str = "all-MiniLM-L6-v2"
    """Model whose tokenizer.json measures passages. It should be the tokenizer of the server's model."""
    batch_size: int = Field(32, ge=1)
    """Texts in one request. A higher value needs fewer requests and more memory on the server."""
    concurrency: int = Field(4, ge=1)
    """Concurrent requests and connections of one process. A higher value keeps a larger server busy."""


EmbedderSettings = Annotated[
    Annotated[LocalEmbedderSettings, Tag("local")] | Annotated[OpenAIEmbedderSettings, Tag("openai")],
    kind_or("local"),
]
