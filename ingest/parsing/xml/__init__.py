"""Parses XML."""
