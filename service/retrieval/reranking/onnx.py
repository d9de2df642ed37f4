"""A cross-encoder on ONNX Runtime, the faster runtime on processors. Most models on the hub have an ONNX form."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.embedding.onnx import open_session
from rag.embedding.tokenizer import load_tokenizer
from service.retrieval.reranking.local import Score

# Some tokenizers declare an unlimited length, but BERT models have 512 positions.
_MAX_TOKENS = 512


def find_onnx(directory: Path) -> Path | None:
    """Return the ONNX form in a model directory, or None."""
    places = (directory / "onnx" / "model.onnx", directory / "model.onnx")
    return next((place for place in places if place.is_file()), None)


def load_onnx(model: Path, directory: Path, *, threads: int) -> Score:
    """Load an ONNX model with the tokenizer in `directory`."""
    tokenizer = load_tokenizer(directory)
    tokenizer.enable_truncation(_read_max_tokens(directory))
    tokenizer.enable_padding()
    session = open_session(model, threads=threads)
    # Models of the RoBERTa family take no token types.
    wanted = {node.name for node in session.get_inputs()}

    def score(pairs: Sequence[tuple[str, str]]) -> list[float]:
        encodings = tokenizer.encode_batch(list(pairs))
        inputs = {
            "input_ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64),
            "token_type_ids": np.array([encoding.type_ids for encoding in encodings], dtype=np.int64),
        }
        [logits] = session.run(None, {name: value for name, value in inputs.items() if name in wanted})
        scores: list[float] = logits[:, 0].tolist()
        return scores

    return score


def _read_max_tokens(directory: Path) -> int:
    config = json.loads((directory / "tokenizer_config.json").read_text())
    return min(int(config.get("model_max_length", _MAX_TOKENS)), _MAX_TOKENS)
