"""sentence-transformers on torch: the reference runtime, and the one for GPUs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.embedding.local import Encode
from rag.metrics import EMBED_BATCH_SIZE, EMBED_BATCH_TOKENS, EMBED_INFERENCE

# Batches of 64 reach 83 to 88 % of the throughput of 256 on a GPU (docs/measurements/overview.md).
BATCH_SIZE = 64


def load_torch(directory: Path, *, threads: int) -> Encode:
    """Load the model, on a GPU if there is one."""
    # Imported here because the imports take seconds, and only this runtime needs them.
    import torch  # noqa: PLC0415
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers does not annotate it
    torch.set_num_threads(threads)
    model = SentenceTransformer(str(directory))
    model[0].register_forward_pre_hook(_count_tokens)

    def encode(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        EMBED_BATCH_SIZE.observe(len(texts))
        with EMBED_INFERENCE.time():
            embeddings: npt.NDArray[np.float32] = model.encode(
                list(texts), batch_size=BATCH_SIZE, normalize_embeddings=True, show_progress_bar=False
            )
        return embeddings

    return encode


def _count_tokens(_: Any, inputs: tuple[Any, ...]) -> None:
    """Observe the padded tokens, which are the input of the model's first module."""
    EMBED_BATCH_TOKENS.observe(inputs[0]["input_ids"].numel())
