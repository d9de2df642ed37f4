"""The vector database: the port, its two adapters, and the schema that both write."""
