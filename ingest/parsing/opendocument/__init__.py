"""Parses OpenDocument texts."""
