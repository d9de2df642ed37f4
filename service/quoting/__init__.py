"""Answers without a model: which block of the passages answers a question."""
