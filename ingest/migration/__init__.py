"""Change the embedder or the store without downtime."""
