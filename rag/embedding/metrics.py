"""Metrics of embedding, the same in both applications."""

from prometheus_client import Histogram

BATCH_SIZE = Histogram(
    "rag_embed_batch_size", "Texts that one call computed.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
BATCH_TOKENS = Histogram(
    "rag_embed_batch_tokens",
    "Tokens that one call computed, padding included: what it costs. Local models only.",
    buckets=(16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536),
)
