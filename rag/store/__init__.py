"""The vector store: its ports, two adapters, and the schema that both use."""
