"""The offline path: sources, parsing, chunking, embedding, and the worker."""
