"""Changes the embedder or the store of a collection without downtime."""
