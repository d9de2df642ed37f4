"""Grounding: whether the passages support the sentences of an answer."""
