"""Parsers, which convert the bytes of each format to a document."""
