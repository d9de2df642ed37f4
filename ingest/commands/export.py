"""`python -m ingest export`: writes the ONNX form of the embedder."""

import argparse
import asyncio
from pathlib import Path

from ingest.commands.base import Commands, add_command_parser
from ingest.settings import Settings
from rag.embedding.weights import Weights, find_weights, require_torch
from rag.settings import LocalEmbedderSettings

_HELP = """Converts the configured local embedder from sentence-transformers weights to ONNX, and checks that
both give the same vectors. The ONNX file is written to RAG_DATA_DIR/models. It does nothing if the file exists already.

examples:
  python -m ingest export
  RAG_EMBEDDER__MODEL=BAAI/bge-small-en-v1.5 python -m ingest export

needs: PyTorch, the weights, and about 15 seconds. The service and workers need only the file that it writes."""


def add_command(commands: Commands) -> None:
    add_command_parser(commands, "export", run, "write the ONNX form of the configured embedder", _HELP)


async def run(_: argparse.Namespace, settings: Settings) -> int:
    if not isinstance(settings.embedder, LocalEmbedderSettings):
        # Not an error, because `make run` exports whatever `.env` configures.
        print(f"Nothing to export: the embedder is a server (RAG_EMBEDDER__KIND={settings.embedder.kind}).")
        return 0
    weights = find_weights(settings.embedder.model, settings.embedder.sha256)
    target = settings.models_dir / weights.onnx_name
    if target.is_file():
        return 0
    require_torch("An export")
    print("Exporting the embedder to ONNX (once, about 15 s) …", flush=True)
    try:
        cosine = await asyncio.to_thread(_export, weights, target)
    except asyncio.CancelledError:
        for draft in set(target.parent.glob(f"{target.stem}.*")) - {target}:
            draft.unlink()
        raise
    print(f"{target}: the exported model gives the same vectors as the original (cosine at least {cosine:.6f})")
    return 0


def _export(weights: Weights, target: Path) -> float:
    # Imported here, because `python -m ingest --help` imports this module, and an image for serving has no PyTorch.
    from ingest.migration.export import export_onnx  # noqa: PLC0415

    return export_onnx(weights, target)
