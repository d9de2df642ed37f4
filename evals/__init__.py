"""Evaluations of the two programs together: quality, drift and performance."""
