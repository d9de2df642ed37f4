"""Question to passages: search, selection, expansion and reranking."""
