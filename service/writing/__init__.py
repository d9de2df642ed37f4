"""Passages to answer text: by quoting, or by a model."""
