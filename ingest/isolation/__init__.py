"""Parsing and chunking in processes of their own, which can be stopped."""
