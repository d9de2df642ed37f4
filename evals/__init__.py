"""Measuring what the two applications do together."""
