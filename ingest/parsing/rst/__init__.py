"""Parses reStructuredText."""
