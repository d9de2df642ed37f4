"""Converts sentence-transformers weights to ONNX, and checks that both give the same vectors."""

import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from rag.embedding.onnx import load_onnx
from rag.embedding.torch import load_torch
from rag.embedding.weights import Weights, read_max_tokens
from rag.errors import Misconfigured

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_MIN_COSINE = 0.9999
_PROBES = [
    "What is a vector database?",
    "The quick brown fox jumps over the lazy dog. " * 40,
    "Zürich, 東京 and Ωmega: 3.14 % of 1,000,000",
    "def retrieve(question: str) -> list[ScoredChunk]: ...",
]


def export_onnx(weights: Weights, target: Path) -> float:
    """Write the ONNX file and return the smallest cosine between both forms.

    Raises `Misconfigured` and writes nothing if it is below 0.9999.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unchecked = target.with_suffix(".unchecked")
    _export(weights.directory, unchecked)
    reference = load_torch(weights.directory, threads=1)(_PROBES)
    max_tokens = read_max_tokens(weights.directory)
    exported = load_onnx(unchecked, weights.directory, max_tokens=max_tokens, threads=1)(_PROBES)
    cosine = float(np.min(np.sum(reference * exported, axis=1)))
    if cosine < _MIN_COSINE:
        unchecked.unlink()
        raise Misconfigured(
            f"The ONNX export of {weights.name} gives other vectors than PyTorch (cosine {cosine:.6f}), so it was "
            "deleted. Set RAG_EMBEDDER__RUNTIME=torch to use this model."
        )
    unchecked.replace(target)
    return cosine


class _Graph(torch.nn.Module):
    """The complete sentence-transformers pipeline (transformer, pooling, normalisation) with positional inputs."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        embedding: torch.Tensor = self.model(dict(zip(_INPUTS, inputs, strict=True)))["sentence_embedding"]
        return embedding


def _export(directory: Path, target: Path) -> None:
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers has no type for it
    model = SentenceTransformer(str(directory), device="cpu")
    example = model.tokenizer(["a text", "another, longer text"], padding=True, return_tensors="pt")
    shape = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", min=2, max=read_max_tokens(directory))}
    for name in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The exporter warns about its own internals. The comparison of vectors finds a bad export.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Graph(model).eval(),
            tuple(example[field] for field in _INPUTS),
            target,
            input_names=_INPUTS,
            output_names=["sentence_embedding"],
            dynamic_shapes=((shape,) * len(_INPUTS),),
            external_data=False,
            verbose=False,
        )
