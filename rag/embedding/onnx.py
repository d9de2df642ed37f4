"""ONNX Runtime, the runtime for CPUs. It starts in 0.4 s; importing torch takes 6 s."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from rag.embedding.local import Encode
from rag.embedding.tokenizer import load_tokenizer
from rag.errors import Misconfigured
from rag.metrics import EMBED_BATCH_SIZE, EMBED_BATCH_TOKENS, EMBED_INFERENCE, EMBED_TOKENIZE

# On a CPU, memory grows with the batch (355 MB in total at 8, 540 MB at 16) and throughput does not.
BATCH_SIZE = 8


def load_onnx(model: Path, tokenizer_directory: Path, *, max_tokens: int, threads: int) -> Encode:
    """Load an exported model, whose graph includes pooling and normalisation."""
    tokenizer = load_tokenizer(tokenizer_directory)
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding()
    session = open_session(model, threads=threads)

    def encode(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        with EMBED_TOKENIZE.time():
            encodings = tokenizer.encode_batch(list(texts))
        inputs = {
            "input_ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
            "attention_mask": np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64),
            "token_type_ids": np.array([encoding.type_ids for encoding in encodings], dtype=np.int64),
        }
        EMBED_BATCH_SIZE.observe(len(texts))
        EMBED_BATCH_TOKENS.observe(inputs["input_ids"].size)
        with EMBED_INFERENCE.time():
            embeddings: npt.NDArray[np.float32] = session.run(["sentence_embedding"], inputs)[0]
        return embeddings

    return encode


def open_session(model: Path, *, threads: int) -> onnxruntime.InferenceSession:
    """Load a model file; raises `Misconfigured` if it is damaged, and `PermissionError` if it cannot be read."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    with model.open("rb"):  # ONNX Runtime's error does not say that a right is missing.
        pass
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions have no base class but this one.
        raise Misconfigured(
            f"The model file {model} is damaged: {error}. Remove it, then export it again with "
            "`python -m ingest export`, or install it again."
        ) from error
