"""Prompt to a stream of pieces."""
