"""The settings of the online path."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, HttpUrl, SecretStr, Tag

from rag.settings import KernelSettings, Part, kind_or

PACKAGED_MODEL = "SmolLM2-135M-Instruct"


class EmbeddedGeneratorSettings(Part):
    """llama.cpp in this process, behind its OpenAI-compatible server on loopback."""

    kind: Literal["embedded"] = "embedded"
    model: str = Field(PACKAGED_MODEL, description="The packaged model, or the path of a .gguf file.")
    slots: int = Field(4, ge=1, description="Answers written at once; more wait.")
    context_tokens: int = Field(2048, ge=256, description="Prompt and answer of one slot.")
    threads: int | None = Field(None, ge=1, description="Threads of llama.cpp; unset: half the cores.")


class OpenAIGeneratorSettings(Part):
    """Any server with OpenAI's `/v1/chat/completions`: vLLM, TGI, Ollama, OpenAI."""

    kind: Literal["openai"]
    url: HttpUrl = Field(description="Base URL, such as http://127.0.0.1:8080/v1.")
    model: str = Field(description="The model's name at that server.")
    api_key: SecretStr | None = Field(None, description="Sent as a bearer token.")
    concurrency: int = Field(64, ge=1, description="Answers asked for at once; more wait.")


GeneratorSettings = Annotated[
    Annotated[EmbeddedGeneratorSettings, Tag("embedded")] | Annotated[OpenAIGeneratorSettings, Tag("openai")],
    kind_or("embedded"),
]


class RetrievalSettings(Part):
    """How many passages an answer may draw on, and how near they must be."""

    limit: int = Field(5, ge=1, le=50, description="Passages for one answer; quotes come from the best three.")
    min_similarity: float = Field(
        0.28, ge=-1, le=1, description="No passage this near (cosine, ±0.1 by shared words): not in the documents."
    )
    feedback: float = Field(
        0.2, ge=0, le=1, description="How far the best passage found draws a second search to itself; 0: one search."
    )
    smoothing: float = Field(
        0.2, ge=0, lt=1, description="What of a passage's score comes from the two found that are nearest to it."
    )
    per_document: int | None = Field(
        None, ge=1, description="Passages of one document, while others have something; unset: no matter how many."
    )
    duplicate_overlap: float = Field(
        0.9, gt=0, le=1, description="Passages that agree to this share are one (1: only the same words)."
    )
    expand_to_tokens: int = Field(
        1500, ge=0, description="What a model reads: passages with what stands around them, up to this; 0: as found."
    )


_CANDIDATES = Field(30, ge=1, le=200, description="Passages that it reads; the best of them make the answer.")


class NoRerankerSettings(Part):
    """Candidates keep the order that search gave them."""

    kind: Literal["none"] = "none"


class LocalRerankerSettings(Part):
    """A cross-encoder in this process."""

    kind: Literal["local"]
    model: str = Field(description="A model directory or hub id, such as cross-encoder/ms-marco-MiniLM-L6-v2.")
    runtime: Literal["auto", "onnx", "torch"] = Field("auto", description="auto: its ONNX form where it has one.")
    threads: int = Field(1, ge=1, description="Inference threads.")
    candidates: int = _CANDIDATES


class EndpointRerankerSettings(Part):
    """Any server with a `/rerank` endpoint: TEI, Infinity, vLLM, Cohere."""

    kind: Literal["endpoint"]
    url: HttpUrl = Field(description="Base URL, to which /rerank is added, such as http://127.0.0.1:7997.")
    model: str = Field(description="The model's name at that server.")
    shape: Literal["cohere", "tei"] = Field("cohere", description="cohere: Infinity, vLLM and Jina speak it too.")
    api_key: SecretStr | None = Field(None, description="Sent as a bearer token.")
    concurrency: int = Field(16, ge=1, description="Questions reranked at once; more wait.")
    candidates: int = _CANDIDATES


RerankerSettings = Annotated[
    Annotated[NoRerankerSettings, Tag("none")]
    | Annotated[LocalRerankerSettings, Tag("local")]
    | Annotated[EndpointRerankerSettings, Tag("endpoint")],
    kind_or("none"),
]

Mode = Literal["quote", "checked", "generate"]
"""quote: the best sentences of the passages. checked: the model's, where those support it. generate: the model's."""


class AnsweringSettings(Part):
    """How an answer is made."""

    mode: Mode | Literal["auto"] = Field(
        "auto", description="quote, checked or generate; auto: quote with the packaged model, generate with any other."
    )
    max_tokens: int = Field(384, ge=1, description="Longest answer of the model.")
    temperature: float = Field(0.0, ge=0, le=2, description="0 gives the same answer twice.")
    first_text_seconds: float = Field(
        2.0, gt=0, description="Time to the first text that is aimed at; the reranker gets what is left of it."
    )
    waiting: int = Field(64, ge=0, description="Questions that may wait for the model; one more gets 429.")


class PromptSettings(Part):
    """Which prompts the model gets, and which share of the questions tries another version."""

    registry: Literal["folder", "mlflow"] = Field("folder", description="Where prompts are kept: folder or mlflow.")
    folder: Path | None = Field(None, description="A folder of prompts of your own; unset: `service/prompts`.")
    version: str = Field("v1", description="Version of the prompt `answer`; with mlflow a number.")
    alternative: str | None = Field(None, description="Another version of it, to compare.")
    percent: float = Field(0.0, ge=0, le=100, description="Percentage of questions that get the alternative.")


class ExplanationSettings(Part):
    """How long `GET /v1/answers/{id}/explain` can say why: questions and passages are kept in memory for it."""

    answers: int = Field(200, ge=0, description="Answers that can be explained, the latest ones; 0: none.")
    seconds: int = Field(900, ge=0, description="How long an answer can be explained.")


class JudgeSettings(Part):
    """A language model that judges answers, in evaluations and on a sample of live ones."""

    url: HttpUrl | None = Field(None, description="Base URL of an OpenAI-compatible server; unset: the generator's.")
    model: str | None = Field(None, description="The judge's name at that server.")
    api_key: SecretStr | None = Field(None, description="Sent as a bearer token.")
    sample: float = Field(0.0, ge=0, le=1, description="Share of live answers that the judge reads; 0: none.")
    concurrency: int = Field(2, ge=1, description="Answers judged at once.")
    calibration: Path | None = Field(
        None, description="File of measured agreement with people; unset: the one in `service/rubrics`."
    )


class DriftSettings(Part):
    """What questions are compared with, and whether a sample of them is kept to compare later."""

    reference: Path | None = Field(
        None, description="File of `python -m evals reference`; unset: drift/reference.npz in the data directory."
    )
    window: int = Field(
        0, ge=0, description="Question vectors kept of each day, a random sample without texts; 0: none."
    )


class MlflowSettings(Part):
    """An MLflow server that keeps prompts and the runs of evaluations."""

    uri: HttpUrl | None = Field(None, description="An MLflow server, such as http://127.0.0.1:5000; unset: none.")
    token: SecretStr | None = Field(None, description="Sent as a bearer token.")
    experiment: str = Field("groundwork", description="The experiment under which evaluations are kept.")


class Settings(KernelSettings):
    """What `python -m service` reads."""

    host: str = Field("127.0.0.1", description="Address to listen on; anything but loopback needs API keys.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    worker: Literal["child", "none"] = Field("child", description="child: start an ingest worker beside the service.")
    generator: GeneratorSettings = Field(EmbeddedGeneratorSettings(), description="Who writes answers.")
    reranker: RerankerSettings = Field(NoRerankerSettings(), description="Who puts candidates into order.")
    retrieval: RetrievalSettings = Field(RetrievalSettings(), description="What answers draw on.")
    answering: AnsweringSettings = Field(AnsweringSettings(), description="How answers are made.")
    prompt: PromptSettings = Field(PromptSettings(), description="What the model is told.")
    explanations: ExplanationSettings = Field(ExplanationSettings(), description="What is kept to explain answers.")
    judge: JudgeSettings = Field(JudgeSettings(), description="Who judges answers.")
    drift: DriftSettings = Field(DriftSettings(), description="What questions are compared with.")
    mlflow: MlflowSettings = Field(MlflowSettings(), description="Registry of prompts and runs.")
    max_question_chars: int = Field(2000, ge=1, description="Longer questions are refused.")
    keys_path: Path | None = Field(None, description="The file of API keys; unset: keys.json in the data directory.")
    keep_alive_seconds: int = Field(
        75, ge=1, description="How long an idle connection stays open: longer than a load balancer in front keeps it."
    )
    drain_delay_seconds: int = Field(
        0,
        ge=0,
        description="Time after SIGTERM in which it says on /readyz that it stops, and answers all the same: "
        "longer than a load balancer in front needs to notice.",
    )
    drain_seconds: int = Field(30, ge=0, description="Time that running streams get when the service stops.")

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def keys_file(self) -> Path:
        """Where the API keys are kept."""
        return self.keys_path or self.data_dir / "keys.json"

    @property
    def drift_reference(self) -> Path:
        """What questions are compared with; it belongs to the collection's embedder."""
        return self.drift.reference or self.data_dir / "drift" / "reference.npz"

    @property
    def drift_windows(self) -> Path:
        """Where samples of question vectors are kept, a file for each day and process."""
        return self.data_dir / "drift" / "windows"
