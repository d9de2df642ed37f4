"""Picks the embedder by the settings."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp

from rag.embedding.base import Embedder
from rag.embedding.local import Encode, open_local_embedder
from rag.embedding.normalised import NormalisedEmbedder
from rag.embedding.openai import OpenAIEmbedder
from rag.embedding.traced import TracedEmbedder
from rag.embedding.weights import Weights, find_weights, read_max_tokens, require_torch
from rag.errors import Misconfigured
from rag.settings import EmbedderSettings, LocalEmbedderSettings, OpenAIEmbedderSettings
from rag.types import EmbedderIdentity


@asynccontextmanager
async def open_embedder(
    settings: EmbedderSettings, session: aiohttp.ClientSession, *, models: Path, known: EmbedderIdentity | None = None
) -> AsyncIterator[Embedder]:
    """Open the configured embedder. `models` is the folder of exported ONNX files.

    If a collection tells the `known` identity, a local model is loaded with the first text and not before.
    Raises `Misconfigured` if weights are missing or differ from their hash.
    """
    match settings:
        case LocalEmbedderSettings():
            weights = find_weights(settings.model, settings.sha256)
            load, batch_size = _choose_runtime(settings, weights, models / weights.onnx_name)
            dimension = known.dimension if known and known.digest == weights.sha256 else None
            async with open_local_embedder(
                weights.name, weights.sha256, load, batch_size=batch_size, dimension=dimension
            ) as embedder:
                yield TracedEmbedder(NormalisedEmbedder(embedder), settings)
        case OpenAIEmbedderSettings():
            yield TracedEmbedder(NormalisedEmbedder(OpenAIEmbedder(session, settings)), settings)


def _choose_runtime(
    settings: LocalEmbedderSettings, weights: Weights, onnx_file: Path
) -> tuple[Callable[[], Encode], int]:
    """Return how to load the model, and its batch size. Only the chosen runtime is imported."""
    if settings.runtime == "torch" or (settings.runtime == "auto" and not onnx_file.is_file()):
        require_torch(f"{weights.name} without its ONNX file")
        from rag.embedding import torch  # noqa: PLC0415

        return partial(torch.load_torch, weights.directory, threads=settings.threads), torch.BATCH_SIZE
    if not onnx_file.is_file():
        raise Misconfigured(
            f"The ONNX file {onnx_file} is missing. Run `python -m ingest export`, or set RAG_EMBEDDER__RUNTIME=torch."
        )
    from rag.embedding import onnx  # noqa: PLC0415

    max_tokens = read_max_tokens(weights.directory)
    load = partial(onnx.load_onnx, onnx_file, weights.directory, max_tokens=max_tokens, threads=settings.threads)
    return load, onnx.BATCH_SIZE
