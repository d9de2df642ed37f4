"""Parses RTF."""
