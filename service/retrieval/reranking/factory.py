"""Selection of the reranker by the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp

from rag.embedding.weights import find_directory, require_torch
from rag.errors import Misconfigured
from service.retrieval.reranking.base import Reranker
from service.retrieval.reranking.budgeted import BudgetedReranker
from service.retrieval.reranking.endpoint import EndpointReranker
from service.retrieval.reranking.local import Score, open_local_reranker
from service.settings import EndpointRerankerSettings, LocalRerankerSettings, NoRerankerSettings, RerankerSettings


@asynccontextmanager
async def open_reranker(
    settings: RerankerSettings, session: aiohttp.ClientSession
) -> AsyncIterator[BudgetedReranker | None]:
    """Open the reranker with its time budget, or yield None for the kind none."""
    if isinstance(settings, NoRerankerSettings):
        yield None
        return
    async with open_scorer(settings, session) as reranker:
        yield BudgetedReranker(reranker, candidates=settings.candidates)


@asynccontextmanager
async def open_scorer(
    settings: LocalRerankerSettings | EndpointRerankerSettings, session: aiohttp.ClientSession
) -> AsyncIterator[Reranker]:
    """Open the reranker itself, without a time budget."""
    match settings:
        case LocalRerankerSettings():
            directory = find_directory(settings.model)
            name = Path(settings.model).name
            async with open_local_reranker(name, partial(_load, settings, directory)) as reranker:
                yield reranker
        case EndpointRerankerSettings():
            yield EndpointReranker(session, settings)


def _load(settings: LocalRerankerSettings, directory: Path) -> Score:
    """Load the model with the configured runtime. Only that runtime is imported."""
    from service.retrieval.reranking import onnx  # noqa: PLC0415

    onnx_form = onnx.find_onnx(directory)
    if settings.runtime == "onnx" and onnx_form is None:
        raise Misconfigured(f"{directory} contains no onnx/model.onnx. Set RAG_RERANKER__RUNTIME=torch.")
    if onnx_form is not None and settings.runtime != "torch":
        return onnx.load_onnx(onnx_form, directory, threads=settings.threads)
    if not (directory / "model.safetensors").is_file():
        raise Misconfigured(f"{directory} contains no model.safetensors. Check RAG_RERANKER__MODEL.")
    require_torch(f"{settings.model} without its ONNX form")
    from service.retrieval.reranking import torch  # noqa: PLC0415

    return torch.load_torch(directory, threads=settings.threads)
