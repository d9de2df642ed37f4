"""Text to vectors: the port, its adapters, and the weights they load."""
