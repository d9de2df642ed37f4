"""Parses OpenDocument texts, sheets and slides."""
