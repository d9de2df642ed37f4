"""ONNX Runtime: the form for processors. It starts in 0.4 s, where importing torch and its kin takes 6 s."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from rag.embedding.local import Encode
from rag.embedding.tokenizer import load_tokenizer
from rag.metrics import EMBED_BATCH_SIZE, EMBED_BATCH_TOKENS, EMBED_INFERENCE, EMBED_TOKENIZE

# Memory grows with the batch (8: 355 MB in all, 16: 540 MB) and speed does not, on a processor.
BATCH_SIZE = 8


def load_onnx(model: Path, tokenizer_directory: Path, *, max_tokens: int, threads: int) -> Encode:
    """Loads the exported model; it pools and normalises inside the graph."""
    tokenizer = load_tokenizer(tokenizer_directory)
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding()
    session = onnxruntime.InferenceSession(model, _options(threads), providers=["CPUExecutionProvider"])

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


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return options
