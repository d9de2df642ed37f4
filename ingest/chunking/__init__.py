"""Chunkers, which split documents into passages that fit the embedder."""
