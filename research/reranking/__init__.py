"""The effect of a reranker on retrieval quality and latency."""
