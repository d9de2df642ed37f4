"""Embedding: the port, its adapters, and the weights that they load."""
