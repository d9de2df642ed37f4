"""Parses and chunks documents in separate processes, which can be limited and stopped."""
