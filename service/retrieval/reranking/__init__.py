"""Rerankers: a cross-encoder in this process, or a server with a `/rerank` endpoint."""
