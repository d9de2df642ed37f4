"""Settings of the models that write, rerank and judge."""

from typing import Annotated, Any, Literal

from pydantic import Field, HttpUrl, Json, SecretStr, Tag

from rag.settings import ExpandedPath, Part, kind_or

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
    """Base URL, such as http://127.0.0.1:8080/v1. docs/guides/own-model.md lists those of common servers."""
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
    A field that is null is removed from the body.
    """
    opens_reasoning: bool | None = None
    """True if the model's chat template writes the opening tag, such as `<think>`, into the prompt. The service
    then shows no text before the closing tag. Unset: it decides by the model's name and by earlier answers.
    """


GeneratorSettings = Annotated[
    Annotated[EmbeddedGeneratorSettings, Tag("embedded")]
    | Annotated[OpenAIGeneratorSettings, Tag("openai")]
    | Annotated[NoGeneratorSettings, Tag("none")],
    kind_or("embedded"),
]


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


class JudgeSettings(Part):
    """A language model that judges answers in evaluations, and a sample of live answers."""

    url: HttpUrl | None = None
    """Base URL of an OpenAI-compatible server for the judge. Unset: the generator is the judge."""
    model: str | None = None
    """Model name that the server expects. Required with RAG_JUDGE__URL."""
    api_key: SecretStr | None = None
    """API key, sent as a bearer token. Unset: no authentication."""
    extra: Json[dict[str, Any]] = Field({})
    """JSON object that is merged into each request body to RAG_JUDGE__URL. A field that is null is removed."""
    sample: float = Field(0.0, ge=0, le=1)
    """Share of live answers that the judge reads. 0 disables live judging."""
    concurrency: int = Field(2, ge=1)
    """Answers judged in parallel. A higher value adds load to the model."""
    calibration: ExpandedPath | None = None
    """File with the judge's measured agreement with people. Unset: the one in `service/rubrics`."""
